import assert from 'node:assert/strict'
import { get } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { raw, sayAndClose, sayAndStall, startRawOrigin } from '../helpers/origins/raw-origin.mjs'

/** The response to one request of a server that says just this. */
async function responseOf(t, scripted, options) {
  const origin = await startOrigin(t, scripted)
  return httpRequest(`${origin.url}/`, options)
}

async function responseOfRaw(t, script) {
  const origin = await startRawOrigin(t, script)
  return httpRequest(`${origin.url}/`)
}

for (const [status, statusText, ok] of [
  [200, 'OK', true],
  [201, 'Created', true],
  [204, 'No Content', true],
  [299, 'Nearly', true],
  [304, 'Not Modified', false],
  [400, 'Bad Request', false],
  [404, 'Not Found', false],
  [500, 'Internal Server Error', false],
  [503, 'Service Unavailable', false],
]) {
  test(`a ${status} resolves and is ${ok ? '' : 'not '}ok`, async (t) => {
    const response = await responseOf(t, { status, statusMessage: statusText })
    assert.equal(response.status, status)
    assert.equal(response.statusText, statusText)
    assert.equal(response.ok, ok)
  })
}

test('the status text is what the server wrote', async (t) => {
  const response = await responseOf(t, { status: 200, statusMessage: 'Fine By Me' })
  assert.equal(response.statusText, 'Fine By Me')
})

for (const [line, status, text] of [
  ['HTTP/1.1 200 ', 200, 'OK'],
  ['HTTP/1.1 404', 404, 'Not Found'],
  ['HTTP/1.1 404 Nicht gef\xfcllt', 404, 'Not Found'],
  ['HTTP/1.1 503 Gr\xc3\xb6\xc3\x9fe', 503, 'Service Unavailable'],
  ['HTTP/1.1 599 ', 599, ''],
]) {
  test(`the status text of ${JSON.stringify(line)} is '${text}'`, async (t) => {
    const response = await responseOfRaw(t, sayAndClose(raw(line, ['Content-Length: 0'])))
    assert.deepEqual([response.status, response.statusText], [status, text])
  })
}

test('header names are lower-case', async (t) => {
  const response = await responseOf(t, { headers: { 'X-MiXeD-Case': 'Value As Is' } })
  assert.equal(response.headers['x-mixed-case'], 'Value As Is')
  assert.equal(response.headers['X-MiXeD-Case'], undefined)
})

test('set-cookie is an array, of one or more', async (t) => {
  const one = await responseOf(t, { headers: { 'Set-Cookie': 'a=1, b' } })
  assert.deepEqual(one.headers['set-cookie'], ['a=1, b'])
  const two = await responseOf(t, { headers: { 'Set-Cookie': ['a=1', 'b=2; Path=/'] } })
  assert.deepEqual(two.headers['set-cookie'], ['a=1', 'b=2; Path=/'])
  const none = await responseOf(t, {})
  assert.equal(none.headers['set-cookie'], undefined)
})

test('repeated headers are joined as Node joins them', async (t) => {
  const bytes = raw(
    'HTTP/1.1 200 OK',
    [
      'Content-Length: 2',
      'Content-Type: text/plain',
      'Content-Type: text/html',
      'Cache-Control: no-cache',
      'cache-control: no-store',
      'ETag: "one"',
      'ETag: "two"',
      'Server: first',
      'Server: second',
      'Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT',
      'Last-Modified: Fri, 02 Jan 1970 00:00:00 GMT',
      'Retry-After: 1',
      'Retry-After: 2',
      'Age: 1',
      'Age: 2',
      'Expires: 0',
      'Expires: 1',
      'Cookie: a=1',
      'Cookie: b=2',
      'Vary: Accept',
      'VARY: Origin',
      'X-Many: 1',
      'X-Many: 2',
      'X-Many: 3',
      'X-Empty:',
      'X-Empty: not',
      'Set-Cookie: a=1',
      'Set-Cookie: b=2',
      'Connection: close',
    ],
    'ok',
  )
  const origin = await startRawOrigin(t, sayAndClose(bytes))
  const byNode = await new Promise((resolve, reject) => {
    get(`${origin.url}/`, (incoming) => resolve(incoming.resume().headers)).on('error', reject)
  })
  const { headers } = await httpRequest(`${origin.url}/`)
  assert.deepEqual({ ...headers }, { ...byNode })
})

test('header values are read as Latin-1, as Node reads them', async (t) => {
  const head = ['X-Name: caf\u00e9', 'Content-Length: 0']
  const response = await responseOfRaw(t, sayAndClose(raw('HTTP/1.1 200 OK', head)))
  assert.equal(response.headers['x-name'], 'café')
})

test('a header named __proto__ changes no prototype', async (t) => {
  const head = ['__proto__: polluted', 'constructor: mine', 'Content-Length: 0']
  const { headers } = await responseOfRaw(t, sayAndClose(raw('HTTP/1.1 200 OK', head)))
  assert.ok([null, Object.prototype].includes(Object.getPrototypeOf(headers)))
  assert.equal(headers.constructor, 'mine')
  assert.equal(Object.prototype.polluted, undefined)
})

test('the body is a Buffer with the bytes that were sent', async (t) => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const { body } = await responseOf(t, { body: bytes })
  assert.ok(Buffer.isBuffer(body))
  assert.deepEqual(body, bytes)
})

test('the text is the body read as UTF-8', async (t) => {
  const response = await responseOf(t, { body: 'Grüße, ☃ und 🦀' })
  assert.equal(response.text(), 'Grüße, ☃ und 🦀')
})

test('bytes that are not UTF-8 become replacement characters', async (t) => {
  const response = await responseOf(t, { body: Buffer.from([0x61, 0xff, 0x62]) })
  assert.equal(response.text(), 'a\ufffdb')
})

test('json() parses the body', async (t) => {
  const value = { a: [1, 2.5, null, true], text: '☃', nested: { empty: {} } }
  const response = await responseOf(t, { body: JSON.stringify(value) })
  assert.deepEqual(response.json(), value)
})

test('json() throws a SyntaxError when the body is not JSON', async (t) => {
  const response = await responseOf(t, { body: '<html>' })
  assert.throws(() => response.json(), SyntaxError)
})

test('arrayBuffer() holds the bytes of the body and no others', async (t) => {
  const response = await responseOf(t, { body: 'four' })
  const buffer = response.arrayBuffer()
  assert.ok(buffer instanceof ArrayBuffer)
  assert.equal(Buffer.from(buffer).toString(), 'four')
})

test('the accessors can be called again and again', async (t) => {
  const response = await responseOf(t, { body: '{"a":1}' })
  for (let round = 0; round < 3; round += 1) {
    assert.equal(response.text(), '{"a":1}')
    assert.deepEqual(response.json(), { a: 1 })
    assert.equal(response.arrayBuffer().byteLength, 7)
    assert.equal(response.body.toString(), '{"a":1}')
  }
})

test('an empty body is an empty Buffer', async (t) => {
  const response = await responseOf(t, { body: '' })
  assert.ok(Buffer.isBuffer(response.body))
  assert.equal(response.body.length, 0)
  assert.equal(response.text(), '')
  assert.equal(response.arrayBuffer().byteLength, 0)
})

test('the response to HEAD has headers and no body', async (t) => {
  const response = await responseOf(t, { body: 'not sent' }, { method: 'HEAD' })
  assert.equal(response.status, 200)
  assert.equal(response.headers['content-length'], '8')
  assert.equal(response.body.length, 0)
})

test('a chunked body is put together', async (t) => {
  const chunked = '4;extension=1\r\none \r\n5\r\nthree\r\n0\r\nX-Trailer: yes\r\n\r\n'
  const bytes = raw('HTTP/1.1 200 OK', ['Transfer-Encoding: chunked'], chunked)
  const response = await responseOfRaw(t, sayAndStall(bytes))
  assert.equal(response.text(), 'one three')
})

test('a body without a length ends with the connection', async (t) => {
  const bytes = raw('HTTP/1.0 200 OK', ['Content-Type: text/plain'], 'until the end')
  const response = await responseOfRaw(t, sayAndClose(bytes))
  assert.equal(response.text(), 'until the end')
})

test('informational responses before the final one are ignored', async (t) => {
  const hints = raw('HTTP/1.1 103 Early Hints', ['Link: </style.css>; rel=preload'])
  const real = raw('HTTP/1.1 200 OK', ['Content-Length: 4'], 'real')
  const response = await responseOfRaw(t, sayAndStall(Buffer.concat([hints, real])))
  assert.equal(response.status, 200)
  assert.equal(response.text(), 'real')
})

test('a response that is received byte by byte is read whole', async (t) => {
  const bytes = raw('HTTP/1.1 200 OK', ['X-Slow: yes', 'Content-Length: 4'], 'slow')
  const response = await responseOfRaw(t, async (socket) => {
    socket.setNoDelay(true)
    for (const byte of bytes) {
      socket.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
  })
  assert.equal(response.headers['x-slow'], 'yes')
  assert.equal(response.text(), 'slow')
})

describe('rawResponse of a response with its body', () => {
  test('is a stream that has ended, with the head', async (t) => {
    const response = await responseOf(t, {
      status: 201,
      statusMessage: 'Made',
      headers: { 'X-A': 'b' },
      body: '{}',
    })
    const { rawResponse } = response
    assert.ok(rawResponse instanceof Readable)
    assert.equal(rawResponse.statusCode, 201)
    assert.equal(rawResponse.statusMessage, 'Made')
    assert.equal(rawResponse.headers['x-a'], 'b')
    assert.equal(response.rawResponse, rawResponse)
    assert.deepEqual(await rawResponse.toArray(), [])
    assert.equal(rawResponse.readableEnded, true)
    await finished(rawResponse)
    await pipeline(rawResponse, new PassThrough().resume())
    assert.deepEqual(response.json(), {})
  })

  test('is made only when it is looked at', async (t) => {
    const response = await responseOf(t, { body: '{}' })
    assert.equal(Object.keys(response).includes('rawResponse'), false)
    assert.equal(typeof Object.getOwnPropertyDescriptor(response, 'rawResponse').get, 'function')
    assert.doesNotMatch(inspect(response), /rawResponse/)
    assert.equal(response.body.toString(), '{}')
  })

  test('can be replaced by the caller', async (t) => {
    const response = await responseOf(t, { body: '{}' })
    response.rawResponse = undefined
    assert.equal(response.rawResponse, undefined)
    assert.deepEqual(response.json(), {})
  })
})
