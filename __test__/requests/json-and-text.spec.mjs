import assert from 'node:assert/strict'
import buffer from 'node:buffer'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { HttpClient } from '@socketsecurity/registry/lib/http-client'
import {
  fetchChecksumFile,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
  httpText,
  readIncomingResponse,
} from '@socketsecurity/registry/lib/http-request'
import { redirectTo, silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import { unusedUrl } from '../helpers/origins/raw-origin.mjs'
import { zstdBomb } from '../helpers/origins/zstd-frame.mjs'
import { codes, rejection } from '../helpers/support.mjs'

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

for (const [name, call] of Object.entries({ httpJson, httpText })) {
  test(`${name} sends a Content-Type only with a body that is not empty`, async (t) => {
    const origin = await startOrigin(t, { body: '{}' })
    for (const body of ['', Buffer.alloc(0), null, undefined, '{}']) {
      await call(origin.url, { method: 'POST', body })
    }
    assert.deepEqual(
      origin.requests.map(({ headers }) => headers['content-type'] !== undefined),
      [false, false, false, false, true],
    )
    assert.equal(origin.requests[0].headers['content-length'], '0')
  })
}

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

describe('a byte order mark', () => {
  const mark = '\u{feff}'
  const bytes = Buffer.from(`${mark}{"snow":"☃"}`)
  const origin = (t, changes = {}) => startOrigin(t, { body: bytes, ...changes })

  test('is no part of the text or the JSON of a response, and a part of its body', async (t) => {
    const response = await httpRequest((await origin(t)).url)
    assert.equal(response.text(), '{"snow":"☃"}')
    assert.deepEqual(response.json(), { snow: '☃' })
    assert.deepEqual(response.body, bytes)
    assert.deepEqual(Buffer.from(response.arrayBuffer()), bytes)
  })

  test('is no part of what the functions for text and JSON give', async (t) => {
    const { url } = await origin(t)
    const client = new HttpClient({ cache: 'memory' })
    for (const get of [httpGetText, httpText, (url) => client.getText(url)]) {
      assert.equal(await get(url), '{"snow":"☃"}')
    }
    for (const get of [
      httpGetJson,
      httpJson,
      (url) => client.getJson(url),
      (url) => client.sendJson('POST', url, 1),
    ]) {
      assert.deepEqual(await get(url), { snow: '☃' })
    }
  })

  test('is no part of the text of a response without stream', async (t) => {
    const { url, requests } = await origin(t, { headers: { 'Cache-Control': 'max-age=60' } })
    const client = new HttpClient({ cache: 'memory' })
    for (let call = 0; call < 2; call += 1) {
      const response = await client.request(url)
      assert.deepEqual(response.json(), { snow: '☃' })
      assert.deepEqual(response.body, bytes)
    }
    assert.equal(requests.length, 1)
  })

  test('is no part of the text of a response that is an error', async (t) => {
    const { url } = await origin(t, { status: 404 })
    for (const get of [httpGetText, httpJson]) {
      assert.deepEqual((await rejection(get(url))).response.json(), { snow: '☃' })
    }
  })

  test('is no part of the text of a response of node:http', async () => {
    const message = Object.assign(Readable.from([bytes]), { statusCode: 200 })
    assert.deepEqual((await readIncomingResponse(message)).json(), { snow: '☃' })
  })

  test('is a character anywhere else, and a second one, too', async (t) => {
    const { url } = await origin(t, { body: `${mark}${mark}a${mark}` })
    assert.equal(await httpGetText(url), `${mark}a${mark}`)
  })

  test('alone is an empty text, and half of it is none', async (t) => {
    assert.equal(await httpGetText((await origin(t, { body: mark })).url), '')
    const half = Buffer.from(mark).subarray(0, 2)
    assert.equal(await httpGetText((await origin(t, { body: half })).url), '\u{fffd}')
  })
})

describe('a body that is longer than a string can be', () => {
  const LONGEST = buffer.constants.MAX_STRING_LENGTH

  test('has no text and no JSON, but an error', async (t) => {
    const { url } = await startOrigin(t)
    const { text, json } = await httpRequest(url)
    const body = Buffer.alloc(LONGEST + 1, 'a')
    for (const read of [text, json]) {
      assert.throws(() => read.call({ body }), {
        code: 'ERR_STRING_TOO_LONG',
        message: /^The body is too long for a string: \d+ bytes/,
      })
    }
    // One that is not ASCII.
    body[0] = 0xff
    assert.throws(() => text.call({ body }), { code: 'ERR_STRING_TOO_LONG' })
  })

  test('may be just as long', async (t) => {
    const { url } = await startOrigin(t)
    const { text } = await httpRequest(url)
    assert.equal(text.call({ body: Buffer.alloc(LONGEST, 'a') }).length, LONGEST)
  })

  const zeros = (size) => ({
    headers: { 'Content-Encoding': 'zstd' },
    body: zstdBomb(size),
  })

  test('is too large for text and JSON, unless the caller sets one otherwise', async (t) => {
    const { url } = await startOrigin(t, zeros(2 ** 29 + 1))
    const client = new HttpClient({ retries: 0 })
    for (const get of [
      httpGetText,
      httpGetJson,
      httpText,
      httpJson,
      (url) => client.getText(url),
      (url) => client.getJson(url),
      (url) => client.sendJson('POST', url, 1),
    ]) {
      const error = await rejection(get(url))
      assert.equal(error.code, 'ERR_BODY_TOO_LARGE')
      assert.match(error.message, /> 512\.00MB\)$/)
    }
    const error = await rejection(fetchChecksumFile(url))
    assert.match(error.message, /> 16\.00MB\)$/)
  })

  test('rejects when the caller wants no limit', async (t) => {
    const { url } = await startOrigin(t, zeros(2 ** 29 + 1))
    const client = new HttpClient({ retries: 0, maxResponseSize: 0 })
    for (const get of [
      (url) => httpGetText(url, { maxResponseSize: 0 }),
      (url) => httpJson(url, { maxResponseSize: Number.POSITIVE_INFINITY }),
      (url) => client.getText(url),
    ]) {
      const error = await rejection(get(url))
      assert.equal(error.code, 'ERR_STRING_TOO_LONG')
    }
  })
})
