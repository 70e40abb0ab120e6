import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import { later, redirectTo, silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import { raw, sayAndStall, startRawOrigin } from '../helpers/origins/raw-origin.mjs'
import { rejection, until } from '../helpers/support.mjs'

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

test('the method is GET, without a body, unless another is given', async (t) => {
  const origin = await startOrigin(t)
  await httpRequest(`${origin.url}/`)
  const [{ method, headers, body }] = origin.requests
  assert.equal(method, 'GET')
  assert.equal(body.length, 0)
  assert.equal(headers['content-length'], undefined)
  assert.equal(headers['transfer-encoding'], undefined)
})

test('every method is sent as it is given', async (t) => {
  const origin = await startOrigin(t)
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PURGE']
  for (const method of methods) {
    await httpRequest(`${origin.url}/`, { method })
  }
  assert.deepEqual(
    origin.requests.map((request) => request.method),
    methods,
  )
})

test('the path and the query reach the server, the fragment does not', async (t) => {
  const origin = await startOrigin(t)
  await httpRequest(`${origin.url}/a/b%20c?d=e&f=%26#fragment`)
  assert.equal(origin.requests[0].path, '/a/b%20c?d=e&f=%26')
})

test('a URL object is as good as a string', async (t) => {
  const origin = await startOrigin(t)
  const response = await httpRequest(new URL('/object?x=1', origin.url))
  assert.equal(response.status, 200)
  assert.equal(origin.requests[0].path, '/object?x=1')
})

test('options may be absent, undefined, null or without a prototype', async (t) => {
  const origin = await startOrigin(t)
  await httpRequest(`${origin.url}/`)
  await httpRequest(`${origin.url}/`, undefined)
  await httpRequest(`${origin.url}/`, null)
  const options = Object.assign(Object.create(null), { method: 'PUT', body: 'x' })
  options.headers = Object.assign(Object.create(null), { 'X-Plain': 'yes' })
  await httpRequest(`${origin.url}/`, options)
  assert.equal(origin.requests.length, 4)
  assert.equal(origin.requests[3].method, 'PUT')
  assert.equal(origin.requests[3].headers['x-plain'], 'yes')
})

test('an option that is undefined means its default', async (t) => {
  const origin = await startOrigin(t, [redirectTo('/end'), { body: 'end' }])
  const response = await httpRequest(`${origin.url}/`, {
    method: undefined,
    headers: undefined,
    body: undefined,
    followRedirects: undefined,
    maxRedirects: undefined,
    retries: undefined,
    retryDelay: undefined,
    timeout: undefined,
  })
  assert.equal(response.text(), 'end')
  assert.equal(origin.requests[1].method, 'GET')
})

test('headers are sent with the values given', async (t) => {
  const origin = await startOrigin(t)
  await httpRequest(`${origin.url}/`, {
    headers: { Accept: 'text/csv', 'X-Empty': '', 'x-spaced': 'a  b, c', 'User-Agent': 'mine/1' },
  })
  const { headers } = origin.requests[0]
  assert.equal(headers.accept, 'text/csv')
  assert.equal(headers['x-empty'], '')
  assert.equal(headers['x-spaced'], 'a  b, c')
  assert.equal(headers['user-agent'], 'mine/1')
  assert.equal(headers.host, `127.0.0.1:${origin.port}`)
})

test('the encodings that can be decoded are advertised', async (t) => {
  const origin = await startOrigin(t)
  await httpRequest(`${origin.url}/`)
  const advertised = origin.requests[0].headers['accept-encoding'].split(/\s*,\s*/).sort()
  assert.deepEqual(advertised, ['br', 'deflate', 'gzip', 'zstd'])
})

test("the caller's own Accept-Encoding wins", async (t) => {
  const origin = await startOrigin(t)
  await httpRequest(`${origin.url}/`, { headers: { 'accept-encoding': 'identity' } })
  assert.equal(origin.requests[0].headers['accept-encoding'], 'identity')
})

test('a string body is sent as UTF-8 with its length in bytes', async (t) => {
  const origin = await startOrigin(t)
  const text = 'Grüße, ☃ und 🦀'
  await httpRequest(`${origin.url}/`, { method: 'POST', body: text })
  const { headers, body } = origin.requests[0]
  assert.equal(body.toString(), text)
  assert.equal(headers['content-length'], String(Buffer.byteLength(text)))
  assert.equal(headers['transfer-encoding'], undefined)
})

test('a Buffer is sent byte for byte', async (t) => {
  const origin = await startOrigin(t)
  await httpRequest(`${origin.url}/`, { method: 'POST', body: everyByte })
  assert.deepEqual(origin.requests[0].body, everyByte)
  assert.equal(origin.requests[0].headers['content-length'], '256')
})

test('of a Uint8Array that shares its memory only its own bytes are sent', async (t) => {
  const origin = await startOrigin(t)
  const view = new Uint8Array(everyByte.buffer, everyByte.byteOffset + 10, 20)
  await httpRequest(`${origin.url}/`, { method: 'PUT', body: view })
  assert.deepEqual(origin.requests[0].body, everyByte.subarray(10, 30))
})

test('an empty body has the length 0', async (t) => {
  const origin = await startOrigin(t)
  for (const body of ['', Buffer.alloc(0), new Uint8Array()]) {
    await httpRequest(`${origin.url}/`, { method: 'POST', body })
  }
  assert.equal(origin.requests.length, 3)
  for (const { headers, body } of origin.requests) {
    assert.equal(body.length, 0)
    assert.equal(headers['content-length'], '0')
    assert.equal(headers['transfer-encoding'], undefined)
  }
})

test('a body of null is none', async (t) => {
  const origin = await startOrigin(t)
  await httpRequest(`${origin.url}/`, { method: 'POST', body: null })
  assert.equal(origin.requests[0].method, 'POST')
  assert.equal(origin.requests[0].body.length, 0)
})

test('a body of several megabytes arrives whole', async (t) => {
  const origin = await startOrigin(t)
  const body = Buffer.alloc(5_000_011, everyByte)
  await httpRequest(`${origin.url}/`, { method: 'POST', body })
  assert.ok(origin.requests[0].body.equals(body))
})

test('a hundred requests at once each get their own response', async (t) => {
  const origin = await startOrigin(t, ({ path }) => ({ body: `response to ${path}` }))
  const paths = Array.from({ length: 100 }, (_, index) => `/${index}`)
  const responses = await Promise.all(paths.map((path) => httpRequest(`${origin.url}${path}`)))
  assert.deepEqual(
    responses.map((response) => response.text()),
    paths.map((path) => `response to ${path}`),
  )
})

test('a request times out when no response is received', async (t) => {
  const origin = await startOrigin(t, silence)
  const start = performance.now()
  const error = await rejection(httpRequest(`${origin.url}/`, { timeout: 150 }))
  const elapsed = performance.now() - start
  assert.equal(error.message, 'Request timed out after 150ms')
  assert.equal(error.code, 'ERR_TIMEOUT')
  assert.ok(elapsed >= 145 && elapsed < 10_000, `took ${elapsed} ms`)
})

test('the timeout covers the body too', async (t) => {
  const origin = await startRawOrigin(
    t,
    sayAndStall(raw('HTTP/1.1 200 OK', ['Content-Length: 100'], 'the first bytes')),
  )
  const error = await rejection(httpRequest(origin.url, { timeout: 200 }))
  assert.equal(error.message, 'Request timed out after 200ms')
  assert.equal(error.code, 'ERR_TIMEOUT')
})

test('a body that trickles does not put the timeout off', async (t) => {
  const origin = await startRawOrigin(t, (socket) => {
    socket.write(raw('HTTP/1.1 200 OK', ['Content-Length: 1000']))
    const timer = setInterval(() => socket.write('.'), 20)
    socket.on('close', () => clearInterval(timer))
  })
  const error = await rejection(httpRequest(origin.url, { timeout: 300 }))
  assert.equal(error.message, 'Request timed out after 300ms')
})

test('the timeout covers all redirects together', async (t) => {
  const origin = await startOrigin(t, later(150, redirectTo('/again')))
  const error = await rejection(httpRequest(origin.url, { timeout: 1000, maxRedirects: 100 }))
  assert.equal(error.message, 'Request timed out after 1000ms')
  assert.ok(origin.requests.length >= 2)
})

test('a timeout of 0 or Infinity, or beyond all calendars, never strikes', async (t) => {
  const origin = await startOrigin(t, later(150, { body: 'late' }))
  const timeouts = [0, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE]
  const calls = timeouts.map((timeout) => httpRequest(`${origin.url}/`, { timeout }))
  for (const response of await Promise.all(calls)) {
    assert.equal(response.text(), 'late')
  }
})

test('an attempt that timed out closes its connection', async (t) => {
  const origin = await startOrigin(t, silence)
  await rejection(httpRequest(`${origin.url}/`, { timeout: 100 }))
  await until(() => origin.sockets.size === 0, 'the connection is closed')
})

test('only own properties of headers are sent', async (t) => {
  const origin = await startOrigin(t)
  Object.defineProperty(Object.prototype, 'x-polluted', {
    value: 'yes',
    enumerable: true,
    configurable: true,
    writable: true,
  })
  t.after(() => delete Object.prototype['x-polluted'])
  await httpRequest(origin.url, { headers: { 'x-own': 'yes' } })
  const [{ headers }] = origin.requests
  assert.deepEqual([headers['x-own'], Object.hasOwn(headers, 'x-polluted')], ['yes', false])
})
