// With `stream: true` a call resolves at the headers, and the body is a Node stream.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { describe, test } from 'node:test'
import { createGunzip, gzipSync } from 'node:zlib'
import { HttpResponseError, httpRequest } from '@socketsecurity/registry/lib/http-request'
import {
  MOST_ON_THE_WAY,
  pour,
  standstill,
  startFlowOrigin,
} from '../helpers/origins/flow-origin.mjs'
import { redirectTo, startOrigin } from '../helpers/origins/http-origin.mjs'
import { raw, sayAndReset, sayAndStall, startRawOrigin } from '../helpers/origins/raw-origin.mjs'
import { rejection, temporaryDirectory, until } from '../helpers/support.mjs'

const stream = true

describe('a response that streams', () => {
  test('resolves at the headers, before the body has ended', async (t) => {
    let finish
    const origin = await startFlowOrigin(t, (_incoming, response) => {
      response.writeHead(200, { 'Content-Length': 9 })
      response.write('first')
      finish = () => response.end('last')
    })
    const { rawResponse } = await httpRequest(origin.url, { stream })
    assert.equal(origin.closed, 0)
    finish()
    assert.equal(await text(rawResponse), 'firstlast')
  })

  test('has status and headers like any other', async (t) => {
    const headers = { 'X-Mixed-Case': 'Value', 'Set-Cookie': ['a=1', 'b=2'] }
    const origin = await startOrigin(t, { status: 201, statusMessage: 'Made', headers, body: 'x' })
    const response = await httpRequest(origin.url, { stream })
    response.rawResponse.resume()
    assert.equal(response.ok, true)
    assert.equal(response.status, 201)
    assert.equal(response.statusText, 'Made')
    assert.equal(response.headers['x-mixed-case'], 'Value')
    assert.deepEqual(response.headers['set-cookie'], ['a=1', 'b=2'])
  })

  test('has a Readable of Node with the fields of an IncomingMessage', async (t) => {
    const headers = { 'X-Mixed-Case': 'Value', 'Set-Cookie': ['a=1', 'b=2'] }
    const origin = await startOrigin(t, { status: 404, statusMessage: 'Gone', headers, body: 'x' })
    const { rawResponse } = await httpRequest(origin.url, { stream })
    rawResponse.resume()
    assert.ok(rawResponse instanceof Readable)
    assert.equal(rawResponse.statusCode, 404)
    assert.equal(rawResponse.statusMessage, 'Gone')
    assert.equal(rawResponse.headers['x-mixed-case'], 'Value')
    assert.deepEqual(rawResponse.headers['set-cookie'], ['a=1', 'b=2'])
  })

  test('has an empty body, by every accessor', async (t) => {
    const origin = await startOrigin(t, { body: '{}' })
    const response = await httpRequest(origin.url, { stream })
    assert.equal(await text(response.rawResponse), '{}')
    assert.ok(Buffer.isBuffer(response.body))
    assert.equal(response.body.length, 0)
    assert.equal(response.text(), '')
    assert.equal(response.arrayBuffer().byteLength, 0)
  })

  test('has an error for json()', async (t) => {
    const origin = await startOrigin(t, { body: '{}' })
    const response = await httpRequest(origin.url, { stream })
    response.rawResponse.resume()
    assert.throws(() => response.json(), { message: 'Cannot parse JSON from a streaming response' })
  })

  for (const [what, method, scripted] of [
    ['the response to HEAD', 'HEAD', { headers: { 'Content-Length': '1000' } }],
    ['a 204', 'GET', { status: 204 }],
    ['a 304', 'GET', { status: 304 }],
    ['a body of length 0', 'GET', {}],
  ]) {
    test(`is empty for ${what}`, async (t) => {
      const origin = await startOrigin(t, (_request, response) => {
        response.writeHead(scripted.status ?? 200, scripted.headers ?? {}).end()
      })
      const { status, rawResponse } = await httpRequest(origin.url, { method, stream })
      assert.equal(status, scripted.status ?? 200)
      assert.equal((await buffer(rawResponse)).length, 0)
    })
  }

  test('resolves for a status that is not 2xx', async (t) => {
    const origin = await startOrigin(t, { status: 500, body: 'why' })
    const response = await httpRequest(origin.url, { stream })
    assert.equal(response.ok, false)
    assert.equal(await text(response.rawResponse), 'why')
  })
})

describe('the bytes of a stream', () => {
  test('are requested in the identity coding', async (t) => {
    const origin = await startOrigin(t)
    const { rawResponse } = await httpRequest(origin.url, { stream })
    rawResponse.resume()
    assert.equal(origin.requests[0].headers['accept-encoding'], undefined)
  })

  test("are requested with the caller's own Accept-Encoding", async (t) => {
    const origin = await startOrigin(t)
    const headers = { 'Accept-Encoding': 'gzip' }
    const { rawResponse } = await httpRequest(origin.url, { stream, headers })
    rawResponse.resume()
    assert.equal(origin.requests[0].headers['accept-encoding'], 'gzip')
  })

  test('are not decoded', async (t) => {
    const packed = gzipSync('packed')
    const headers = { 'Content-Encoding': 'gzip' }
    const origin = await startOrigin(t, { headers, body: packed })
    const { rawResponse } = await httpRequest(origin.url, { stream })
    assert.equal(rawResponse.headers['content-encoding'], 'gzip')
    assert.deepEqual(await buffer(rawResponse), packed)
  })

  test('can be decoded by the caller', async (t) => {
    const origin = await startOrigin(t, { body: gzipSync('packed') })
    const { rawResponse } = await httpRequest(origin.url, { stream })
    assert.equal(await text(rawResponse.pipe(createGunzip())), 'packed')
  })

  test('are not limited by maxResponseSize', async (t) => {
    const body = randomBytes(100_000)
    const origin = await startOrigin(t, { body })
    const { rawResponse } = await httpRequest(origin.url, { stream, maxResponseSize: 10 })
    assert.ok((await buffer(rawResponse)).equals(body))
  })

  test('go through a pipeline into a file, all of them', async (t) => {
    const size = 20 * 1024 * 1024 + 1
    const body = randomBytes(size)
    const origin = await startOrigin(t, { body })
    const path = join(temporaryDirectory(t), 'file')
    const { rawResponse } = await httpRequest(origin.url, { stream })
    await pipeline(rawResponse, createWriteStream(path))
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash)
    assert.equal(hash.digest('hex'), createHash('sha256').update(body).digest('hex'))
  })

  test('come as Buffers to for await', async (t) => {
    const origin = await startFlowOrigin(t, (_incoming, response) => pour(response, { size: 3e6 }))
    const { rawResponse } = await httpRequest(origin.url, { stream })
    let size = 0
    for await (const chunk of rawResponse) {
      assert.ok(Buffer.isBuffer(chunk))
      size += chunk.length
    }
    assert.equal(size, 3e6)
  })

  test('come as whole characters after setEncoding', async (t) => {
    const bytes = Buffer.from('☃🦀ß')
    const origin = await startFlowOrigin(t, async (_incoming, response) => {
      for (const byte of bytes) {
        response.write(Buffer.from([byte]))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      response.end()
    })
    const { rawResponse } = await httpRequest(origin.url, { stream })
    rawResponse.setEncoding('utf8')
    let whole = ''
    for await (const part of rawResponse) {
      assert.equal(typeof part, 'string')
      whole += part
    }
    assert.equal(whole, '☃🦀ß')
  })

  test('of fifty streams at once do not get mixed up', async (t) => {
    const origin = await startOrigin(t, ({ path }) => ({ body: path.repeat(20_000) }))
    const paths = Array.from({ length: 50 }, (_, index) => `/${index};`)
    const bodies = await Promise.all(
      paths.map(async (path) => {
        const { rawResponse } = await httpRequest(origin.url + path, { stream })
        return text(rawResponse)
      }),
    )
    for (const [index, path] of paths.entries()) {
      assert.ok(bodies[index] === path.repeat(20_000), `the body of ${path} is another`)
    }
  })
})

describe('back-pressure reaches the server', () => {
  for (const [who, read] of [
    ['a reader who never starts', async () => {}],
    [
      'a reader who stops',
      (rawResponse) =>
        new Promise((resolve) => {
          rawResponse.once('data', () => resolve(rawResponse.pause()))
        }),
    ],
  ]) {
    test(`from ${who}`, async (t) => {
      let flow
      const origin = await startFlowOrigin(t, (_incoming, response) => {
        flow = pour(response)
      })
      const before = process.memoryUsage().rss
      const { rawResponse } = await httpRequest(origin.url, { stream })
      await read(rawResponse)
      const written = await standstill(() => flow.written, MOST_ON_THE_WAY)
      const growth = process.memoryUsage().rss - before
      assert.ok(written <= MOST_ON_THE_WAY, `the server could write ${written} bytes`)
      assert.ok(growth < 150 * 1024 * 1024, `the memory grew by ${growth} bytes`)
      rawResponse.destroy()
      await until(() => origin.sockets.size === 0, 'the connection is closed')
    })
  }

  test('and the rest arrives when the reader continues', async (t) => {
    const size = 64 * 1024 * 1024
    let flow
    const origin = await startFlowOrigin(t, (_incoming, response) => {
      flow = pour(response, { size })
    })
    const { rawResponse } = await httpRequest(origin.url, { stream })
    await standstill(() => flow.written, size)
    let read = 0
    for await (const chunk of rawResponse) read += chunk.length
    assert.equal(read, size)
  })
})

describe('before the headers', () => {
  test('redirects are followed', async (t) => {
    const origin = await startOrigin(t, [redirectTo('/end'), { body: 'end' }])
    const { rawResponse } = await httpRequest(origin.url, { stream })
    assert.equal(await text(rawResponse), 'end')
    assert.equal(origin.requests[1].path, '/end')
  })

  test('a transient status is retried', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, { status: 503 }, { body: 'good' }])
    const options = { stream, retries: 2, retryDelay: 1 }
    const response = await httpRequest(origin.url, options)
    assert.equal(response.status, 200)
    assert.equal(await text(response.rawResponse), 'good')
    assert.equal(origin.requests.length, 3)
  })

  test('a transient status resolves with its body when the attempts are used up', async (t) => {
    const origin = await startOrigin(t, { status: 503, body: 'busy' })
    const response = await httpRequest(origin.url, { stream, retries: 1, retryDelay: 1 })
    assert.equal(response.status, 503)
    assert.equal(await text(response.rawResponse), 'busy')
    assert.equal(origin.requests.length, 2)
  })

  test('a network failure is retried', async (t) => {
    const good = raw('HTTP/1.1 200 OK', ['Content-Length: 4'], 'good')
    const origin = await startRawOrigin(t, [sayAndReset(), sayAndReset(), sayAndStall(good)])
    const options = { stream, retries: 2, retryDelay: 1 }
    const { rawResponse } = await httpRequest(origin.url, options)
    assert.equal(await text(rawResponse), 'good')
    assert.equal(origin.heads.length, 3)
  })

  test('throwOnError rejects a status that is not 2xx', async (t) => {
    const origin = await startOrigin(t, { status: 404, body: 'why' })
    const error = await rejection(httpRequest(origin.url, { stream, throwOnError: true }))
    assert.ok(error instanceof HttpResponseError, `${error}`)
    assert.equal(error.message, 'HTTP 404: Not Found')
    assert.equal(error.response.status, 404)
  })

  test('throwOnError lets a 2xx stream', async (t) => {
    const origin = await startOrigin(t, { body: 'good' })
    const { rawResponse } = await httpRequest(origin.url, { stream, throwOnError: true })
    assert.equal(await text(rawResponse), 'good')
  })
})
