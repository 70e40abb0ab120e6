import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { get } from 'node:http'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import {
  decodeBody,
  readIncomingResponse,
} from '@socketsecurity/registry/lib/http-request/response-reader'
import { pour, startFlowOrigin } from '../helpers/origins/flow-origin.mjs'
import { compressedInChunks, startOrigin } from '../helpers/origins/http-origin.mjs'
import { raw, sayAndReset, startRawOrigin } from '../helpers/origins/raw-origin.mjs'
import { zstdFrame } from '../helpers/origins/zstd-frame.mjs'
import { rejection, sleep } from '../helpers/support.mjs'

const text = 'The same text, again and again. '.repeat(6)

/** The response of Node's own client, unread. */
async function incoming(url, options = {}) {
  const request = get(url, { agent: false, ...options })
  const [message] = await once(request, 'response')
  // Node tells both of a connection that breaks.
  request.on('error', () => {})
  return message
}

/** A stream that looks like a response of Node's own client. */
function message(chunks, properties = {}) {
  return Object.assign(Readable.from(chunks), properties)
}

describe("a response of Node's own client", () => {
  for (const [encoding, encode] of [
    ['identity', Buffer.from],
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdFrame],
  ]) {
    test(`in ${encoding} becomes the same response as that of httpRequest`, async (t) => {
      const headers = {
        'Content-Encoding': encoding,
        'Set-Cookie': ['a=1', 'b=2'],
        'X-List': ['a', 'b'],
        Date: 'Wed, 21 Oct 2015 07:28:00 GMT',
      }
      const scripted = { status: 203, headers, body: encode(JSON.stringify({ text })) }
      const origin = await startOrigin(t, scripted)
      // The same connection header.
      const ours = await httpRequest(origin.url)
      const read = await readIncomingResponse(await incoming(origin.url, { agent: undefined }))
      assert.deepEqual(Object.keys(read), Object.keys(ours))
      for (const key of Object.keys(ours)) {
        if (key !== 'headers') assert.deepEqual(read[key], ours[key], key)
      }
      for (const name of ['content-encoding', 'set-cookie', 'x-list', 'date', 'content-length']) {
        assert.deepEqual(read.headers[name], ours.headers[name], name)
      }
      assert.deepEqual([read.ok, read.status], [true, 203])
      assert.equal(read.statusText, 'Non-Authoritative Information')
      assert.deepEqual(read.json(), { text })
      assert.equal(read.text(), JSON.stringify({ text }))
      assert.equal(Buffer.from(read.arrayBuffer()).toString(), JSON.stringify({ text }))
      assert.ok(Buffer.isBuffer(read.body))
    })
  }

  test('is read whole, however many chunks it has', async (t) => {
    const bytes = Buffer.concat([randomBytes(1_500_000), Buffer.alloc(1_500_000)])
    const origin = await startOrigin(t, compressedInChunks(bytes))
    const { body } = await readIncomingResponse(await incoming(origin.url))
    assert.ok(body.equals(bytes))
  })

  test('that is an error resolves with its status', async (t) => {
    const origin = await startOrigin(t, { status: 404, body: 'no' })
    const response = await readIncomingResponse(await incoming(origin.url))
    assert.deepEqual([response.ok, response.status, response.text()], [false, 404, 'no'])
  })

  test('without a body may say that it is compressed', async (t) => {
    const origin = await startOrigin(t, { status: 204, headers: { 'Content-Encoding': 'gzip' } })
    assert.equal((await readIncomingResponse(await incoming(origin.url))).body.length, 0)
  })

  test('that is truncated rejects', async (t) => {
    const head = ['HTTP/1.1 200 OK', ['Content-Length: 100']]
    const origin = await startRawOrigin(t, sayAndReset(raw(...head, 'only this')))
    const error = await rejection(readIncomingResponse(await incoming(origin.url)))
    assert.equal(error.code, 'ECONNRESET')
  })

  test('whose compression is broken rejects with its status', async (t) => {
    const headers = { 'Content-Encoding': 'gzip' }
    const origin = await startOrigin(t, { headers, body: gzipSync(text).subarray(0, -4) })
    const error = await rejection(readIncomingResponse(await incoming(origin.url)))
    assert.deepEqual([error.code, error.status], ['ERR_DECODE', 200])
  })

  test('that was read as text is read as well', async (t) => {
    const origin = await startOrigin(t, { body: 'größe \u{1f4e6}' })
    for (const encoding of ['utf8', 'base64', 'latin1']) {
      const incomingMessage = await incoming(origin.url)
      incomingMessage.setEncoding(encoding)
      assert.equal((await readIncomingResponse(incomingMessage)).text(), 'größe \u{1f4e6}')
    }
  })

  test('that was destroyed rejects', async (t) => {
    const origin = await startOrigin(t, { body: text })
    const incomingMessage = await incoming(origin.url)
    incomingMessage.destroy()
    assert.equal((await rejection(readIncomingResponse(incomingMessage))).code, 'ECONNRESET')
  })
})

describe("what looks like a response of Node's own client", () => {
  test('without status, text and headers has status 0 and an empty text', async () => {
    for (const properties of [{}, { statusCode: undefined, statusMessage: null, headers: null }]) {
      const response = await readIncomingResponse(message([Buffer.from('a')], properties))
      assert.deepEqual([response.ok, response.status, response.statusText], [false, 0, ''])
      assert.deepEqual(response.headers, {})
      assert.equal(response.text(), 'a')
    }
  })

  test('may give bytes of any class, and strings', async () => {
    const chunks = [Buffer.from('a'), new Uint8Array([98]), 'c']
    assert.equal((await readIncomingResponse(message(chunks))).text(), 'abc')
  })

  test('may have headers in any case, and of any type', async () => {
    const headers = { 'Content-Encoding': 'GZIP', 'content-length': 5, none: undefined }
    const response = await readIncomingResponse(message([gzipSync('a')], { headers }))
    assert.equal(response.text(), 'a')
    assert.deepEqual(response.headers, { 'Content-Encoding': 'GZIP', 'content-length': '5' })
  })

  test('cannot change the prototype of the headers', async () => {
    const headers = JSON.parse('{"__proto__": ["a"], "accept": "b"}')
    const response = await readIncomingResponse(message(['a'], { headers }))
    assert.equal(Object.getPrototypeOf(response.headers), Object.prototype)
    assert.deepEqual(response.headers, { accept: 'b' })
  })

  test('rejects with what the stream throws', async () => {
    const thrown = new RangeError('mine')
    const stream = new Readable({
      read() {
        this.destroy(thrown)
      },
    })
    assert.equal(await rejection(readIncomingResponse(stream)), thrown)
  })

  test('must be a stream of bytes with the properties of a response', async () => {
    for (const value of [
      undefined,
      null,
      5,
      'text',
      {},
      [],
      new EventEmitter(),
      Promise.resolve(),
    ]) {
      const error = await rejection(readIncomingResponse(value))
      assert.ok(error instanceof TypeError)
      assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
      assert.match(error.message, /"message"/)
    }
    for (const [chunks, properties, name] of [
      [[5], {}, 'message'],
      [[{}], {}, 'message'],
      [['a'], { statusCode: '200' }, 'message.statusCode'],
      [['a'], { statusCode: 100_000 }, 'message.statusCode'],
      [['a'], { statusCode: -1 }, 'message.statusCode'],
      [['a'], { statusMessage: 5 }, 'message.statusMessage'],
      [['a'], { headers: 'a: b' }, 'headers'],
      [['a'], { headers: { a: Symbol('a') } }, 'message.headers'],
    ]) {
      const error = await rejection(readIncomingResponse(message(chunks, properties)))
      assert.ok(error instanceof TypeError, String(error))
      assert.ok(error.message.includes(name), error.message)
    }
  })
})

describe('a body', () => {
  const gzip = gzipSync(text)

  for (const [encoding, bytes] of [
    ['gzip', gzip],
    ['x-gzip', gzip],
    ['GZip', gzip],
    [' gzip ', gzip],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['zstd', zstdFrame(text)],
    ['deflate, gzip', gzipSync(deflateSync(text))],
    ['gzip, identity, br', brotliCompressSync(gzip)],
    [['gzip', 'br'], brotliCompressSync(gzip)],
    [['deflate'], deflateSync(text)],
    ['gzip', Buffer.concat([gzipSync(text.slice(0, 50)), gzipSync(text.slice(50))])],
  ]) {
    test(`in "${encoding}" is decoded`, async () => {
      const decoded = await decodeBody(bytes, encoding)
      assert.ok(Buffer.isBuffer(decoded))
      assert.equal(decoded.toString(), text)
    })
  }

  test('in an encoding that is not known, or in none, stays as it is', async () => {
    for (const encoding of [
      '',
      'identity',
      'compress',
      'x-rot13',
      'gzip, x-rot13',
      null,
      undefined,
    ]) {
      const decoded = await decodeBody(gzip, encoding)
      assert.deepEqual(decoded, gzip)
      assert.notEqual(decoded.buffer, gzip.buffer)
    }
    assert.deepEqual(await decodeBody(gzip), gzip)
  })

  test('that is empty stays empty', async () => {
    for (const encoding of ['gzip', 'deflate', 'br', 'zstd', '']) {
      assert.equal((await decodeBody(Buffer.alloc(0), encoding)).length, 0, encoding)
    }
  })

  test('that is broken rejects', async () => {
    for (const [encoding, bytes] of [
      ['gzip', gzip.subarray(0, -4)],
      ['gzip', Buffer.from('plain text')],
      ['deflate', deflateSync(text).subarray(0, -6)],
      ['br', brotliCompressSync(text).subarray(0, -4)],
      ['br', Buffer.alloc(64, 0xff)],
      ['zstd', zstdFrame(text).subarray(0, -4)],
      ['gzip, gzip', gzip],
    ]) {
      const error = await rejection(decodeBody(bytes, encoding))
      assert.ok(error instanceof Error)
      assert.deepEqual([error.code, error.retryable], ['ERR_DECODE', false], encoding)
      assert.match(error.message, /^the body cannot be decoded: its \w+ data is (broken|cut off)/)
    }
  })

  test('in codings without end rejects', async () => {
    const error = await rejection(decodeBody(gzip, 'gzip,'.repeat(100_000)))
    assert.equal(error.code, 'ERR_DECODE')
  })

  test('may be a part of a larger buffer, and may change while it is decoded', async () => {
    const shared = new Uint8Array(gzip.length + 20)
    shared.set(gzip, 10)
    const decoding = decodeBody(shared.subarray(10, 10 + gzip.length), 'gzip')
    shared.fill(0)
    assert.equal((await decoding).toString(), text)
  })

  test('does not stop the event loop while it is decoded', async () => {
    const large = gzipSync(Buffer.alloc(64 << 20))
    let ticks = 0
    const ticking = setInterval(() => {
      ticks += 1
    }, 1)
    const decoded = await Promise.all([1, 2, 3].map(() => decodeBody(large, 'gzip')))
    clearInterval(ticking)
    assert.deepEqual(
      decoded.map(({ length }) => length),
      [64 << 20, 64 << 20, 64 << 20],
    )
    assert.ok(ticks >= 3, `${ticks} ticks`)
  })

  test('leaves the network to others while it is decoded', async (t) => {
    const large = gzipSync(Buffer.alloc(64 << 20))
    const origin = await startOrigin(t, { body: 'here' })
    const order = []
    const decoding = Promise.all([1, 2, 3, 4].map(() => decodeBody(large, 'gzip')))
    const decoded = decoding.then(() => order.push('decoded'))
    const received = httpRequest(origin.url).then(() => order.push('received'))
    await Promise.all([decoded, received])
    assert.deepEqual(order, ['received', 'decoded'])
  })

  test('must be bytes, and the encoding a string', async () => {
    for (const bytes of [
      undefined,
      null,
      'text',
      5,
      {},
      [1],
      new ArrayBuffer(1),
      new DataView(new ArrayBuffer(1)),
    ]) {
      const error = await rejection(decodeBody(bytes, 'gzip'))
      assert.ok(error instanceof TypeError)
      assert.match(error.message, /"buffer"/)
    }
    for (const encoding of [5, {}, [5], Symbol('gzip')]) {
      const error = await rejection(decodeBody(gzip, encoding))
      assert.ok(error instanceof TypeError)
      assert.match(error.message, /"encoding"/)
    }
  })
})

describe('the options of decoding', () => {
  const calls = [
    ['decodeBody', (options) => decodeBody(gzipSync(text), 'gzip', options)],
    [
      'readIncomingResponse',
      (options) =>
        readIncomingResponse(
          message([gzipSync(text)], { headers: { 'content-encoding': 'gzip' } }),
          options,
        ).then(({ body }) => body),
    ],
  ]
  for (const [name, call] of calls) {
    test(`may be left out (${name})`, async () => {
      for (const options of [undefined, null, {}, { maxResponseSize: undefined, signal: null }]) {
        assert.equal((await call(options)).toString(), text)
      }
    })

    test(`limit the decoded body (${name})`, async () => {
      assert.equal((await call({ maxResponseSize: text.length })).length, text.length)
      const error = await rejection(call({ maxResponseSize: text.length - 1 }))
      assert.equal(error.code, 'ERR_BODY_TOO_LARGE')
    })

    test(`may end the call before it begins (${name})`, async () => {
      const reason = new Error('mine')
      const error = await rejection(call({ signal: AbortSignal.abort(reason) }))
      assert.deepEqual([error.name, error.code, error.cause], ['AbortError', 'ABORT_ERR', reason])
    })

    test(`are checked (${name})`, async () => {
      for (const [options, what] of [
        [5, 'options'],
        [{ maxResponseSize: '5' }, 'maxResponseSize'],
        [{ maxResponseSize: null }, 'maxResponseSize'],
        [{ signal: {} }, 'signal'],
      ]) {
        const error = await rejection(call(options))
        assert.ok(error instanceof TypeError, String(error))
        assert.ok(error.message.includes(what), error.message)
      }
    })
  }

  test('hold for a body without a coding, whose message is destroyed', async (t) => {
    const origin = await startFlowOrigin(t, (_incoming, response) => pour(response))
    const incomingMessage = await incoming(origin.url)
    const error = await rejection(
      readIncomingResponse(incomingMessage, { maxResponseSize: 1 << 20 }),
    )
    assert.equal(error.code, 'ERR_BODY_TOO_LARGE')
    assert.equal(error.status, 200)
    assert.ok(incomingMessage.destroyed)
    const plain = await rejection(decodeBody(Buffer.alloc(11), '', { maxResponseSize: 10 }))
    assert.equal(plain.code, 'ERR_BODY_TOO_LARGE')
  })

  test('end a message that has stalled', async (t) => {
    const origin = await startFlowOrigin(t, (_incoming, response) => {
      response.writeHead(200).write('a part')
    })
    const incomingMessage = await incoming(origin.url)
    const controller = new AbortController()
    const reading = readIncomingResponse(incomingMessage, { signal: controller.signal })
    await sleep(50)
    controller.abort()
    assert.equal((await rejection(reading)).name, 'AbortError')
    assert.ok(incomingMessage.destroyed)
    // No error reaches the request: that would end a process that does not listen for it.
    const failures = []
    incomingMessage.req?.on('error', (error) => failures.push(error))
    await sleep(50)
    assert.deepEqual(failures, [])
  })

  test('gzip without its trailer is whole where the length was announced', async () => {
    const body = gzipSync(text).subarray(0, -8)
    const headers = { 'content-encoding': 'gzip', 'content-length': String(body.length) }
    assert.equal((await readIncomingResponse(message([body], { headers }))).text(), text)
    for (const length of [undefined, String(body.length + 8), '5x']) {
      const cut = message([body], { headers: { ...headers, 'content-length': length } })
      assert.equal((await rejection(readIncomingResponse(cut))).code, 'ERR_DECODE', length)
    }
  })
})
