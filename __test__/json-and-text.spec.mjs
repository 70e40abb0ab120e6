import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { httpGetJson, httpGetText } from '@socketsecurity/registry/lib/http-request'
import { redirectTo, silence, startOrigin } from './origins/http-origin.mjs'
import { unusedUrl } from './origins/raw-origin.mjs'
import { codes, rejection } from './support.mjs'

test('httpGetJson gives the parsed body', async (t) => {
  const origin = await startOrigin(t, { body: '{"name":"☃","list":[1,null]}' })
  assert.deepEqual(await httpGetJson(origin.url), { name: '☃', list: [1, null] })
  assert.equal(origin.requests[0].method, 'GET')
})

test('httpGetJson gives any JSON value', async (t) => {
  for (const text of ['null', '0', 'false', '""', '[]']) {
    const origin = await startOrigin(t, { body: text })
    assert.deepEqual(await httpGetJson(origin.url), JSON.parse(text))
  }
})

test('httpGetText gives the body as text', async (t) => {
  const origin = await startOrigin(t, { body: 'Grüße, ☃' })
  assert.equal(await httpGetText(origin.url), 'Grüße, ☃')
  assert.equal(origin.requests[0].method, 'GET')
})

test('an empty body is an empty text', async (t) => {
  const origin = await startOrigin(t, { status: 204 })
  assert.equal(await httpGetText(origin.url), '')
})

for (const body of ['', '<html>', '{"a":', '{a:1}']) {
  test(`the body '${body}' is not JSON`, async (t) => {
    const origin = await startOrigin(t, { body })
    const error = await rejection(httpGetJson(origin.url))
    assert.ok(error instanceof Error)
    assert.equal(error.message, 'Failed to parse JSON response')
    assert.ok(error.cause instanceof SyntaxError)
  })
}

test('bad JSON is not fetched again', async (t) => {
  const origin = await startOrigin(t, { body: 'bad' })
  await rejection(httpGetJson(origin.url, { retries: 3, retryDelay: 1 }))
  assert.equal(origin.requests.length, 1)
})

for (const get of [httpGetJson, httpGetText]) {
  test(`${get.name} rejects when the status is not 2xx`, async (t) => {
    const origin = await startOrigin(t, { status: 404, body: '{"why":"gone"}' })
    const error = await rejection(get(`${origin.url}/missing`))
    assert.ok(error instanceof Error)
    assert.equal(error.message, 'HTTP 404: Not Found')
    assert.equal(error.code, 'ERR_HTTP_STATUS')
    assert.equal(error.status, 404)
    assert.equal(error.response.status, 404)
    assert.equal(error.response.text(), '{"why":"gone"}')
    assert.equal(origin.requests.length, 1)
  })

  test(`${get.name} rejects at a redirect that is not to be followed`, async (t) => {
    const origin = await startOrigin(t, redirectTo('/end'))
    const error = await rejection(get(origin.url, { followRedirects: false }))
    assert.equal(error.message, 'HTTP 302: Found')
    assert.equal(error.code, 'ERR_HTTP_STATUS')
  })

  test(`${get.name} retries and then rejects with the status`, async (t) => {
    const origin = await startOrigin(t, { status: 503 })
    const error = await rejection(get(origin.url, { retries: 2, retryDelay: 1 }))
    assert.equal(error.message, 'HTTP 503: Service Unavailable')
    assert.equal(error.status, 503)
    assert.equal(origin.requests.length, 3)
  })

  test(`${get.name} succeeds when a retry does`, async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, { body: '"good"' }])
    assert.match(await get(origin.url, { retries: 1, retryDelay: 1 }), /good/)
  })

  test(`${get.name} takes the options of a request`, async (t) => {
    const origin = await startOrigin(t, [redirectTo('/end'), { body: '"end"' }])
    const headers = { 'X-Plain': 'yes' }
    assert.match(await get(origin.url, { headers, maxRedirects: 1 }), /end/)
    assert.equal(origin.requests[1].headers['x-plain'], 'yes')
  })

  test(`${get.name} decodes the body`, async (t) => {
    const headers = { 'Content-Encoding': 'gzip' }
    const origin = await startOrigin(t, { headers, body: gzipSync('"packed"') })
    assert.match(await get(origin.url), /packed/)
  })

  test(`${get.name} times out`, async (t) => {
    const origin = await startOrigin(t, silence)
    const error = await rejection(get(origin.url, { timeout: 100 }))
    assert.equal(error.message, 'Request timed out after 100ms')
    assert.equal(error.code, 'ERR_TIMEOUT')
  })

  test(`${get.name} rejects when nobody listens`, async () => {
    const error = await rejection(get(await unusedUrl()))
    assert.match(error.message, /^HTTP request failed: ./)
    assert.ok(codes(error).includes('ECONNREFUSED'))
  })
}
