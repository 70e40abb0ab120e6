// A body from a Node stream: sent as it comes, once, and destroyed when it is of no use any more.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import {
  MOST_ON_THE_WAY,
  readBody,
  standstill,
  startFlowOrigin,
} from '../helpers/origins/flow-origin.mjs'
import { redirectTo, startOrigin } from '../helpers/origins/http-origin.mjs'
import { unusedUrl } from '../helpers/origins/raw-origin.mjs'
import { codes, rejection, sleep, temporaryDirectory, until } from '../helpers/support.mjs'

const method = 'POST'
const piece = Buffer.alloc(1 << 16, 'socket registry ')

/** A stream of bytes, endless unless `size` says how many; counts those that were taken from it. */
function source(size = Number.POSITIVE_INFINITY) {
  let taken = 0
  const readable = new Readable({
    read() {
      const next = piece.subarray(0, Math.min(piece.length, size - taken))
      taken += next.length
      readable.taken = taken
      this.push(next.length > 0 ? next : null)
    },
  })
  return Object.assign(readable, { taken })
}

/** A stream that gives a few bytes and then nothing, not even its end. */
function stalled() {
  const readable = new Readable({ read() {} })
  readable.push('the first bytes')
  return readable
}

/** Sees a stream destroyed; its errors are nobody's here. */
async function assertDestroyed(readable) {
  readable.on('error', () => {})
  await until(() => readable.destroyed, 'the source is destroyed')
}

describe('a body that streams', () => {
  for (const [what, make, expected] of [
    ['Buffers', () => Readable.from([Buffer.from('one'), Buffer.from('two')]), 'onetwo'],
    ['Uint8Arrays', () => Readable.from([new Uint8Array([111]), new Uint8Array([107])]), 'ok'],
    ['strings, as UTF-8', () => Readable.from(['Grüße, ', '☃', ' 🦀']), 'Grüße, ☃ 🦀'],
    [
      'strings of a stream with an encoding',
      () => Readable.from([Buffer.from('☃🦀')], { objectMode: false }).setEncoding('utf8'),
      '☃🦀',
    ],
    ['a generator', () => Readable.from(generate()), '0123'],
    ['nothing', () => Readable.from([]), ''],
  ]) {
    test(`of ${what} arrives whole`, async (t) => {
      const origin = await startOrigin(t, { body: 'thanks' })
      const response = await httpRequest(origin.url, { method, body: make() })
      assert.equal(response.text(), 'thanks')
      assert.equal(origin.requests.length, 1)
      assert.equal(origin.requests[0].method, method)
      assert.equal(origin.requests[0].body.toString(), expected)
    })
  }

  async function* generate() {
    for (let digit = 0; digit < 4; digit += 1) yield String(digit)
  }

  test('is sent in chunks when its length is not known', async (t) => {
    const origin = await startOrigin(t)
    await httpRequest(origin.url, { method, body: Readable.from(['text']) })
    assert.equal(origin.requests[0].headers['transfer-encoding'], 'chunked')
    assert.equal(origin.requests[0].headers['content-length'], undefined)
  })

  for (const name of ['Content-Length', 'content-length']) {
    test(`is sent with the ${name} that the caller gives`, async (t) => {
      const origin = await startOrigin(t)
      const headers = { [name]: '4' }
      await httpRequest(origin.url, { method, headers, body: Readable.from(['text']) })
      const [{ headers: received, body }] = origin.requests
      assert.equal(received['content-length'], '4')
      assert.equal(received['transfer-encoding'], undefined)
      assert.equal(body.toString(), 'text')
    })
  }

  test('may be of any size', async (t) => {
    const size = 20 * 1024 * 1024 + 1
    const hash = createHash('sha256')
    const origin = await startFlowOrigin(t, async (incoming, response) => {
      for await (const chunk of incoming) hash.update(chunk)
      response.end()
    })
    const body = randomBytes(size)
    const pieces = function* () {
      for (let at = 0; at < size; at += 100_000) yield body.subarray(at, at + 100_000)
    }
    await httpRequest(origin.url, { method, body: Readable.from(pieces()) })
    assert.equal(hash.digest('hex'), createHash('sha256').update(body).digest('hex'))
  })

  test('may be a file', async (t) => {
    const origin = await startOrigin(t)
    const path = join(temporaryDirectory(t), 'file')
    const content = randomBytes(300_000)
    writeFileSync(path, content)
    await httpRequest(origin.url, { method: 'PUT', body: createReadStream(path) })
    assert.ok(origin.requests[0].body.equals(content))
  })

  test('may be written while it is sent', async (t) => {
    const origin = await startFlowOrigin(t, async (incoming, response) => {
      response.end(await readBody(incoming))
    })
    const body = new PassThrough()
    const promise = httpRequest(origin.url, { method, body })
    body.write('one,')
    await until(() => origin.requests.length === 1, 'the request is on its way')
    body.write('two,')
    body.end('three')
    assert.equal((await promise).text(), 'one,two,three')
  })

  test('is not read far ahead of a server that does not read', async (t) => {
    const size = 96 * 1024 * 1024
    let release
    const origin = await startFlowOrigin(t, (incoming, response) => {
      release = async () => {
        let received = 0
        for await (const chunk of incoming) received += chunk.length
        response.end(String(received))
      }
    })
    const body = source(size)
    const promise = httpRequest(origin.url, { method, body })
    await until(() => release, 'the request has arrived')
    const taken = await standstill(() => body.taken, MOST_ON_THE_WAY)
    assert.ok(taken <= MOST_ON_THE_WAY, `${taken} bytes were taken`)
    release()
    assert.equal((await promise).text(), String(size))
  })
})

describe('getHeaders() of a body', () => {
  /** A stream like that of the packages that make forms. */
  const form = (headers) => Object.assign(Readable.from(['text']), { getHeaders: () => headers })

  test('adds headers to the request', async (t) => {
    const origin = await startOrigin(t)
    const body = form({ 'content-type': 'multipart/form-data; boundary=x', 'X-Form': 'yes' })
    await httpRequest(origin.url, { method, body, headers: { 'X-Own': 'too' } })
    const [{ headers }] = origin.requests
    assert.equal(headers['content-type'], 'multipart/form-data; boundary=x')
    assert.equal(headers['x-form'], 'yes')
    assert.equal(headers['x-own'], 'too')
  })

  test("gives way to the caller's headers, in any case", async (t) => {
    const origin = await startOrigin(t)
    const body = form({ 'content-type': 'of/the-form', 'X-Form': 'yes' })
    await httpRequest(origin.url, { method, body, headers: { 'Content-Type': 'of/the-caller' } })
    const [{ headers }] = origin.requests
    assert.equal(headers['content-type'], 'of/the-caller')
    assert.equal(headers['x-form'], 'yes')
  })

  test('rejects the call when it throws', async (t) => {
    const origin = await startOrigin(t)
    const body = Object.assign(Readable.from(['text']), {
      getHeaders() {
        throw new Error('no boundary')
      },
    })
    await rejection(httpRequest(origin.url, { method, body }))
    assert.equal(origin.requests.length, 0)
  })
})

describe('a body that streams is sent once', () => {
  test('and refused together with retries', async (t) => {
    const origin = await startOrigin(t)
    const promise = httpRequest(origin.url, { method, body: Readable.from(['x']), retries: 1 })
    const error = await rejection(promise)
    assert.ok(error instanceof Error)
    assert.match(error.message, /^Streaming body .*cannot be used with retries/)
    assert.equal(origin.connections, 0)
  })

  test('and taken with no retries', async (t) => {
    const origin = await startOrigin(t)
    await httpRequest(origin.url, { method, body: Readable.from(['x']), retries: 0 })
    assert.equal(origin.requests.length, 1)
  })

  for (const status of [302, 307, 308]) {
    test(`and a ${status} is the response`, async (t) => {
      const origin = await startOrigin(t, redirectTo('/end', status))
      const response = await httpRequest(origin.url, { method, body: Readable.from(['x']) })
      assert.equal(response.status, status)
      assert.equal(response.headers.location, '/end')
      assert.equal(origin.requests.length, 1)
    })
  }
})

describe('a body that fails', () => {
  test('rejects the call with its own error, and the request is aborted', async (t) => {
    const origin = await startFlowOrigin(t, (incoming) => incoming.resume())
    const body = stalled()
    const promise = httpRequest(origin.url, { method, body })
    const failed = rejection(promise)
    await until(() => origin.requests.length === 1, 'the request has arrived')
    const reason = new Error('the disk is gone')
    body.destroy(reason)
    const error = await failed
    assert.ok(error === reason || error.cause === reason, `${error}`)
    await until(() => origin.broken === 1, 'the server sees the request break off')
  })

  test('rejects the call when it closes without its end', async (t) => {
    const origin = await startFlowOrigin(t, (incoming) => incoming.resume())
    const body = stalled()
    const promise = httpRequest(origin.url, { method, body })
    const failed = rejection(promise)
    await until(() => origin.requests.length === 1, 'the request has arrived')
    body.destroy()
    assert.ok((await failed) instanceof Error)
    await until(() => origin.broken === 1, 'the server sees the request break off')
  })

  test('rejects the call when it is a file that does not exist', async (t) => {
    const origin = await startFlowOrigin(t, (incoming) => incoming.resume())
    const body = createReadStream(join(temporaryDirectory(t), 'none'))
    const error = await rejection(httpRequest(origin.url, { method, body }))
    assert.ok(codes(error).includes('ENOENT'), `the codes are ${codes(error)}`)
  })

  test('rejects the call when it had failed before', async (t) => {
    const origin = await startFlowOrigin(t, (incoming) => incoming.resume())
    const body = new Readable({ read() {} }).on('error', () => {})
    body.destroy(new Error('long ago'))
    await sleep(0)
    assert.ok((await rejection(httpRequest(origin.url, { method, body }))) instanceof Error)
  })

  for (const [what, chunk] of [
    ['an object', { not: 'bytes' }],
    ['a number', 42],
    ['a symbol', Symbol('chunk')],
  ]) {
    test(`rejects the call when it gives ${what}`, async (t) => {
      const origin = await startFlowOrigin(t, (incoming, response) => {
        incoming.resume().on('end', () => response.end('thanks'))
      })
      const body = Readable.from(['text', chunk, 'text'])
      assert.ok((await rejection(httpRequest(origin.url, { method, body }))) instanceof Error)
      await assertDestroyed(body)
      assert.equal((await httpRequest(origin.url, { method, body: 'x' })).text(), 'thanks')
    })
  }

  test('settles the call when it had ended before', async (t) => {
    const origin = await startFlowOrigin(t, async (incoming, response) => {
      incoming.resume().on('end', () => response.end('thanks'))
    })
    const body = Readable.from(['x'])
    await body.toArray()
    const options = { method, body, timeout: 10_000 }
    const [outcome] = await Promise.allSettled([httpRequest(origin.url, options)])
    if (outcome.status === 'rejected') assert.notEqual(outcome.reason.code, 'ERR_TIMEOUT')
    else assert.equal(outcome.value.text(), 'thanks')
  })
})

describe('the source is destroyed', () => {
  test('when nobody listens', async () => {
    const body = source()
    const error = await rejection(httpRequest(await unusedUrl(), { method, body }))
    assert.ok(codes(error).includes('ECONNREFUSED'), `the codes are ${codes(error)}`)
    await assertDestroyed(body)
  })

  test('when the call is aborted', async (t) => {
    const origin = await startFlowOrigin(t, (incoming) => incoming.resume())
    const controller = new AbortController()
    const body = source()
    const promise = httpRequest(origin.url, { method, body, signal: controller.signal })
    const failed = rejection(promise)
    await until(() => origin.requests.length === 1, 'the request has arrived')
    controller.abort()
    assert.equal((await failed).name, 'AbortError')
    await assertDestroyed(body)
    await until(() => origin.broken === 1, 'the server sees the request break off')
  })

  test('when the call was aborted before it began', async () => {
    const body = stalled()
    const options = { method, body, signal: AbortSignal.abort() }
    assert.equal((await rejection(httpRequest(await unusedUrl(), options))).name, 'AbortError')
    await assertDestroyed(body)
  })

  test('when the time is up', async (t) => {
    const origin = await startFlowOrigin(t, (incoming) => incoming.resume())
    const body = stalled()
    const error = await rejection(httpRequest(origin.url, { method, body, timeout: 200 }))
    assert.equal(error.message, 'Request timed out after 200ms')
    await assertDestroyed(body)
  })

  test('when the server breaks the connection', async (t) => {
    const origin = await startFlowOrigin(t, (incoming) => incoming.socket.resetAndDestroy())
    const body = source()
    await rejection(httpRequest(origin.url, { method, body }))
    await assertDestroyed(body)
  })

  test('when the server has responded and reads no more', async (t) => {
    const origin = await startFlowOrigin(t, (_incoming, response) => {
      response.writeHead(413, { 'Content-Length': 8, Connection: 'close' })
      response.write('too much')
    })
    const body = source()
    const response = await httpRequest(origin.url, { method, body })
    assert.equal(response.status, 413)
    assert.equal(response.text(), 'too much')
    await assertDestroyed(body)
  })
})
