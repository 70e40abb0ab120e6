// `throwOnError`, the error that it rejects with, and `httpJson` and `httpText`: both always throw.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as root from '@socketsecurity/registry'
import {
  HttpResponseError,
  httpJson,
  httpRequest,
  httpText,
} from '@socketsecurity/registry/lib/http-request'
import { redirectTo, silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import { raw, sayAndStall, startRawOrigin, unusedUrl } from '../helpers/origins/raw-origin.mjs'
import { codes, rejection } from '../helpers/support.mjs'

const throwOnError = true

describe('HttpResponseError', () => {
  const response = (status, statusText) => ({ status, statusText })

  test('is the same from the package and from lib/http-request', () => {
    assert.equal(typeof HttpResponseError, 'function')
    assert.equal(root.HttpResponseError, HttpResponseError)
  })

  test('is an Error with its name', () => {
    const error = new HttpResponseError(response(404, 'Not Found'))
    assert.ok(error instanceof Error)
    assert.ok(error instanceof HttpResponseError)
    assert.equal(error.name, 'HttpResponseError')
    assert.match(String(error.stack), /HTTP 404/)
  })

  test('holds the response it was made of', () => {
    const given = response(404, 'Not Found')
    assert.equal(new HttpResponseError(given).response, given)
  })

  for (const [given, message] of [
    [response(404, 'Not Found'), 'HTTP 404: Not Found'],
    [response(418, 'Short and stout'), 'HTTP 418: Short and stout'],
    [response(500, ''), 'HTTP 500: No status message'],
  ]) {
    test(`has the message '${message}' by default`, () => {
      assert.equal(new HttpResponseError(given).message, message)
    })
  }

  test('takes a message', () => {
    assert.equal(new HttpResponseError(response(404, 'Not Found'), 'mine').message, 'mine')
  })

  test('can be extended', () => {
    class Mine extends HttpResponseError {}
    const error = new Mine(response(404, 'Not Found'))
    assert.ok(error instanceof Mine)
    assert.ok(error instanceof HttpResponseError)
    assert.equal(error.response.status, 404)
  })
})

describe('throwOnError', () => {
  for (const status of [400, 401, 404, 418, 500, 503]) {
    test(`rejects a ${status}`, async (t) => {
      const origin = await startOrigin(t, { status, body: 'why' })
      const error = await rejection(httpRequest(origin.url, { throwOnError }))
      assert.ok(error instanceof HttpResponseError, `${error}`)
      assert.equal(error.name, 'HttpResponseError')
      assert.equal(error.code, 'ERR_HTTP_STATUS')
      assert.match(error.message, new RegExp(`^HTTP ${status}: .`))
      assert.equal(error.response.status, status)
      assert.equal(origin.requests.length, 1)
    })
  }

  test('rejects with the whole response', async (t) => {
    const headers = { 'X-Reason': 'gone', 'Content-Type': 'application/json' }
    const origin = await startOrigin(t, { status: 404, headers, body: '{"why":"gone"}' })
    const { response } = await rejection(httpRequest(origin.url, { throwOnError }))
    assert.equal(response.ok, false)
    assert.equal(response.status, 404)
    assert.equal(response.statusText, 'Not Found')
    assert.equal(response.headers['x-reason'], 'gone')
    assert.ok(Buffer.isBuffer(response.body))
    assert.equal(response.text(), '{"why":"gone"}')
    assert.deepEqual(response.json(), { why: 'gone' })
    assert.equal(response.arrayBuffer().byteLength, 14)
  })

  test('has a message for a missing status message', async (t) => {
    const origin = await startRawOrigin(t, sayAndStall(raw('HTTP/1.1 499 ', ['Content-Length: 0'])))
    const error = await rejection(httpRequest(origin.url, { throwOnError }))
    assert.equal(error.message, 'HTTP 499: No status message')
  })

  test('rejects a redirect that is not to be followed', async (t) => {
    const origin = await startOrigin(t, redirectTo('/end'))
    const options = { throwOnError, followRedirects: false }
    const error = await rejection(httpRequest(origin.url, options))
    assert.equal(error.response.status, 302)
    assert.equal(error.response.headers.location, '/end')
  })

  for (const status of [200, 201, 204, 299]) {
    test(`lets a ${status} resolve`, async (t) => {
      const origin = await startOrigin(t, { status })
      assert.equal((await httpRequest(origin.url, { throwOnError })).status, status)
    })
  }

  test('lets what is behind a redirect resolve', async (t) => {
    const origin = await startOrigin(t, [redirectTo('/end'), { body: 'end' }])
    assert.equal((await httpRequest(origin.url, { throwOnError })).text(), 'end')
  })

  test('rejects when the attempts are used up, with the last response', async (t) => {
    const origin = await startOrigin(t, (_request, _response, index) => ({
      status: 503,
      body: `response ${index}`,
    }))
    const options = { throwOnError, retries: 2, retryDelay: 1 }
    const error = await rejection(httpRequest(origin.url, options))
    assert.ok(error instanceof HttpResponseError)
    assert.equal(error.response.text(), 'response 2')
    assert.equal(origin.requests.length, 3)
  })

  test('lets a retry that succeeds resolve', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, { body: 'good' }])
    const options = { throwOnError, retries: 1, retryDelay: 1 }
    assert.equal((await httpRequest(origin.url, options)).text(), 'good')
  })

  test('does not retry what is final', async (t) => {
    const origin = await startOrigin(t, { status: 404 })
    await rejection(httpRequest(origin.url, { throwOnError, retries: 3, retryDelay: 1 }))
    assert.equal(origin.requests.length, 1)
  })

  test('leaves a network failure what it is', async () => {
    const error = await rejection(httpRequest(await unusedUrl(), { throwOnError }))
    assert.ok(!(error instanceof HttpResponseError))
    assert.ok(codes(error).includes('ECONNREFUSED'), `the codes are ${codes(error)}`)
  })

  test('is off by default and when false', async (t) => {
    const origin = await startOrigin(t, { status: 404 })
    assert.equal((await httpRequest(origin.url)).status, 404)
    assert.equal((await httpRequest(origin.url, { throwOnError: false })).status, 404)
  })
})

for (const [call, type] of [
  [httpJson, 'application/json'],
  [httpText, 'text/plain'],
]) {
  describe(call.name, () => {
    test('gives what the body holds', async (t) => {
      const origin = await startOrigin(t, { body: '"☃"' })
      assert.equal(await call(origin.url), call === httpJson ? '☃' : '"☃"')
      assert.equal(origin.requests[0].method, 'GET')
    })

    test(`accepts ${type} and sends no Content-Type without a body`, async (t) => {
      const origin = await startOrigin(t, { body: '""' })
      await call(origin.url)
      assert.equal(origin.requests[0].headers.accept, type)
      assert.equal(origin.requests[0].headers['content-type'], undefined)
    })

    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      test(`sends ${method} with a body of type ${type}`, async (t) => {
        const origin = await startOrigin(t, { body: '""' })
        await call(origin.url, { method, body: '{"a":1}' })
        const [request] = origin.requests
        assert.equal(request.method, method)
        assert.equal(request.body.toString(), '{"a":1}')
        assert.equal(request.headers['content-type'], type)
        assert.equal(request.headers.accept, type)
      })
    }

    for (const [accept, contentType] of [
      ['Accept', 'Content-Type'],
      ['accept', 'content-type'],
      ['ACCEPT', 'CONTENT-TYPE'],
    ]) {
      test(`lets the caller's ${accept} and ${contentType} win`, async (t) => {
        const origin = await startOrigin(t, { body: '""' })
        const headers = { [accept]: 'text/csv', [contentType]: 'text/markdown' }
        await call(origin.url, { method: 'POST', headers, body: 'x' })
        assert.equal(origin.requests[0].headers.accept, 'text/csv')
        assert.equal(origin.requests[0].headers['content-type'], 'text/markdown')
        assert.deepEqual(headers, { [accept]: 'text/csv', [contentType]: 'text/markdown' })
      })
    }

    test('rejects a status that is not 2xx', async (t) => {
      const origin = await startOrigin(t, { status: 404, body: '{"why":"gone"}' })
      const error = await rejection(call(origin.url))
      assert.ok(error instanceof HttpResponseError, `${error}`)
      assert.equal(error.message, 'HTTP 404: Not Found')
      assert.equal(error.code, 'ERR_HTTP_STATUS')
      assert.equal(error.response.text(), '{"why":"gone"}')
    })

    test('rejects a status after the retries', async (t) => {
      const origin = await startOrigin(t, { status: 503 })
      const error = await rejection(call(origin.url, { retries: 1, retryDelay: 1 }))
      assert.ok(error instanceof HttpResponseError, `${error}`)
      assert.equal(origin.requests.length, 2)
    })

    test('times out', async (t) => {
      const origin = await startOrigin(t, silence)
      const error = await rejection(call(origin.url, { timeout: 100 }))
      assert.equal(error.message, 'Request timed out after 100ms')
    })
  })
}

describe('httpJson', () => {
  for (const body of ['', '<html>', '{"a":']) {
    test(`reports that '${body}' is no JSON, and why`, async (t) => {
      const origin = await startOrigin(t, { body })
      const error = await rejection(httpJson(origin.url, { retries: 2, retryDelay: 1 }))
      assert.equal(error.message, 'Failed to parse JSON response')
      assert.ok(error.cause instanceof SyntaxError)
      assert.equal(origin.requests.length, 1)
    })
  }
})
