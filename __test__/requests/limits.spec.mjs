// Limits that the caller sets: on the size of a body, on the time to connect, on silence.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import { describe, test } from 'node:test'
import {
  constants,
  createBrotliCompress,
  createDeflate,
  createGzip,
  deflateSync,
  gzipSync,
} from 'node:zlib'
import { httpDownload, httpGetText, httpRequest } from '@socketsecurity/registry/lib/http-request'
import { startFullServer, startSilentSecureServer } from '../helpers/origins/deaf-origin.mjs'
import { MOST_ON_THE_WAY, pour, startFlowOrigin } from '../helpers/origins/flow-origin.mjs'
import { later, redirectTo, startOrigin } from '../helpers/origins/http-origin.mjs'
import { zstdBomb } from '../helpers/origins/zstd-frame.mjs'
import { rejection, temporaryDirectory, until } from '../helpers/support.mjs'

const MB = 1024 * 1024

function assertTooLarge(error, limit = '1.00MB') {
  assert.ok(error instanceof Error)
  const match = /^Response exceeds maximum size limit \((\d+\.\d\d)MB > (\d+\.\d\dMB)\)$/.exec(
    error.message,
  )
  assert.ok(match, error.message)
  assert.equal(match[2], limit)
  assert.equal(error.code, 'ERR_BODY_TOO_LARGE')
}

describe('maxResponseSize', () => {
  test('lets a body of exactly that size pass', async (t) => {
    const origin = await startOrigin(t, { body: Buffer.alloc(MB, 'x') })
    const response = await httpRequest(origin.url, { maxResponseSize: MB })
    assert.equal(response.body.length, MB)
  })

  for (const [how, headers] of [
    ['with a length', { 'Content-Length': MB + 1 }],
    ['in chunks', {}],
  ]) {
    test(`refuses a body of one byte more, ${how}`, async (t) => {
      const origin = await startFlowOrigin(t, (_incoming, response) =>
        pour(response, { size: MB + 1, headers }),
      )
      assertTooLarge(await rejection(httpRequest(origin.url, { maxResponseSize: MB })))
    })
  }

  test('names the announced size and the limit', async (t) => {
    const body = Buffer.alloc(Math.round(2.1 * MB))
    const origin = await startOrigin(t, { body })
    const error = await rejection(httpRequest(origin.url, { maxResponseSize: MB }))
    assert.equal(error.message, 'Response exceeds maximum size limit (2.10MB > 1.00MB)')
  })

  test('refuses an announced length before the body is received', async (t) => {
    const origin = await startFlowOrigin(t, (_incoming, response) => {
      response.writeHead(200, { 'Content-Length': 100 * MB }).flushHeaders()
    })
    assertTooLarge(await rejection(httpRequest(origin.url, { maxResponseSize: MB })))
    await until(() => origin.sockets.size === 0, 'the connection is closed')
  })

  test('stops a body without end', async (t) => {
    let flow
    const origin = await startFlowOrigin(t, (_incoming, response) => {
      flow = pour(response)
    })
    assertTooLarge(await rejection(httpRequest(origin.url, { maxResponseSize: MB })))
    await until(() => origin.closed === 1, 'the server sees the connection close')
    assert.ok(flow.written <= MOST_ON_THE_WAY, `the server could write ${flow.written} bytes`)
  })

  test('is not tried again', async (t) => {
    const origin = await startOrigin(t, { body: Buffer.alloc(2 * MB) })
    const options = { maxResponseSize: MB, retries: 3, retryDelay: 1 }
    assertTooLarge(await rejection(httpRequest(origin.url, options)))
    assert.equal(origin.requests.length, 1)
  })

  test('holds for text as well', async (t) => {
    const origin = await startOrigin(t, { body: Buffer.alloc(2 * MB) })
    assertTooLarge(await rejection(httpGetText(origin.url, { maxResponseSize: MB })))
  })

  test('holds behind a redirect', async (t) => {
    const origin = await startOrigin(t, [redirectTo('/end'), { body: Buffer.alloc(2 * MB) }])
    assertTooLarge(await rejection(httpRequest(origin.url, { maxResponseSize: MB })))
  })

  test('is none when it is 0', async (t) => {
    const origin = await startOrigin(t, { body: Buffer.alloc(2 * MB) })
    const response = await httpRequest(origin.url, { maxResponseSize: 0 })
    assert.equal(response.body.length, 2 * MB)
  })

  test('does not count what a response to HEAD would have had', async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { 'Content-Length': 100 * MB }).end()
    })
    const response = await httpRequest(origin.url, { method: 'HEAD', maxResponseSize: MB })
    assert.equal(response.status, 200)
  })

  test('leaves the next request in good order', async (t) => {
    const origin = await startOrigin(t, [{ body: Buffer.alloc(2 * MB) }, { body: 'good' }])
    await rejection(httpRequest(origin.url, { maxResponseSize: MB }))
    const response = await httpRequest(origin.url, { maxResponseSize: MB })
    assert.equal(response.text(), 'good')
  })
})

describe('maxResponseSize counts what is decoded', () => {
  for (const [encoding, encode] of [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ]) {
    test(`and lets pass what is short only when decoded (${encoding})`, async (t) => {
      const body = encode('ten bytes.')
      assert.ok(body.length > 10)
      const origin = await startOrigin(t, { headers: { 'Content-Encoding': encoding }, body })
      const response = await httpRequest(origin.url, { maxResponseSize: 10 })
      assert.equal(response.text(), 'ten bytes.')
    })
  }

  const BOMB = 200 * MB
  const fastest = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }
  for (const [encoding, make] of [
    ['gzip', () => packedZeros(createGzip())],
    ['deflate', () => packedZeros(createDeflate())],
    ['br', () => packedZeros(createBrotliCompress(fastest))],
    ['zstd', () => zstdBomb(BOMB)],
  ]) {
    test(`and stops a bomb of 200 MB (${encoding})`, async (t) => {
      const body = await make()
      assert.ok(body.length < MB, `${body.length} bytes`)
      const origin = await startOrigin(t, { headers: { 'Content-Encoding': encoding }, body })
      const before = process.memoryUsage().rss
      assertTooLarge(await rejection(httpRequest(origin.url, { maxResponseSize: MB })))
      const growth = process.memoryUsage().rss - before
      assert.ok(growth < 100 * MB, `the memory grew by ${growth} bytes`)
    })
  }

  /** Compresses `BOMB` zeros without holding all of them in memory. */
  async function packedZeros(compressor) {
    const zeros = Buffer.alloc(MB)
    const pieces = function* () {
      for (let size = 0; size < BOMB; size += MB) yield zeros
    }
    return buffer(Readable.from(pieces()).pipe(compressor))
  }
})

/** Both functions as one of a URL, a directory and options. */
const calls = {
  httpRequest: (url, _directory, options) => httpRequest(url, options),
  httpDownload: (url, directory, options) => httpDownload(url, join(directory, 'file'), options),
}

function assertTimedOut(error, milliseconds) {
  assert.ok(error instanceof Error)
  assert.equal(error.code, 'ERR_TIMEOUT', `${error}`)
  assert.match(error.message, new RegExp(`\\b${milliseconds} ?ms\\b`))
}

for (const [name, call] of Object.entries(calls)) {
  describe(`connectTimeout of ${name}`, { concurrency: true }, () => {
    test('ends the wait for a server that accepts nothing', {
      skip: process.platform !== 'linux' && 'the queue of connections differs',
    }, async (t) => {
      const url = await startFullServer(t)
      const started = performance.now()
      const options = { connectTimeout: 300, timeout: 20_000 }
      const error = await rejection(call(url, temporaryDirectory(t), options))
      const elapsed = performance.now() - started
      assertTimedOut(error, 300)
      assert.ok(elapsed >= 290 && elapsed < 10_000, `took ${elapsed} ms`)
    })

    test('ends a TLS handshake that the server ignores, and it is tried again', async (t) => {
      const origin = await startSilentSecureServer(t)
      const options = { connectTimeout: 200, timeout: 20_000, retries: 2, retryDelay: 1 }
      assertTimedOut(await rejection(call(origin.url, temporaryDirectory(t), options)), 200)
      assert.equal(origin.connections, 3)
      await until(() => origin.sockets.size === 0, 'the connections are closed')
    })

    test('does not end the wait for a response', async (t) => {
      const origin = await startOrigin(t, later(1300, { body: 'late' }))
      const result = await call(origin.url, temporaryDirectory(t), { connectTimeout: 800 })
      assert.equal(result.status, 200)
    })
  })

  describe(`idleTimeout of ${name}`, { concurrency: true }, () => {
    const stall = (_incoming, response) => {
      response.writeHead(200, { 'Content-Length': 1000 })
      response.write('the first bytes')
    }

    test('ends a body that stalls', async (t) => {
      const origin = await startFlowOrigin(t, stall)
      const directory = temporaryDirectory(t)
      const started = performance.now()
      const error = await rejection(call(origin.url, directory, { idleTimeout: 300 }))
      const elapsed = performance.now() - started
      assertTimedOut(error, 300)
      assert.ok(elapsed >= 290 && elapsed < 10_000, `took ${elapsed} ms`)
      assert.ok(!existsSync(join(directory, 'file')))
      await until(() => origin.closed === 1, 'the server sees the connection close')
    })

    test('ends the wait for a response that does not begin', async (t) => {
      const origin = await startFlowOrigin(t, () => {})
      const options = { idleTimeout: 300, timeout: 20_000 }
      assertTimedOut(await rejection(call(origin.url, temporaryDirectory(t), options)), 300)
    })

    test('is tried again, in N+1 attempts', async (t) => {
      const origin = await startFlowOrigin(t, stall)
      const options = { idleTimeout: 300, retries: 2, retryDelay: 1 }
      const error = await rejection(call(origin.url, temporaryDirectory(t), options))
      assertTimedOut(error, 300)
      assert.equal(error.attempts, 3)
      assert.equal(origin.requests.length, 3)
    })

    test('lets a body trickle for longer', async (t) => {
      const size = 30
      const origin = await startFlowOrigin(t, async (_incoming, response) => {
        response.writeHead(200, { 'Content-Length': size })
        for (let sent = 0; sent < size; sent += 1) {
          response.write('.')
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
        response.end()
      })
      const directory = temporaryDirectory(t)
      const { status, body } = await call(origin.url, directory, { idleTimeout: 1000 })
      assert.equal(status, 200)
      const received = body ?? readFileSync(join(directory, 'file'))
      assert.equal(received.toString(), '.'.repeat(size))
    })
  })
}

test('idleTimeout ends a stream that stalls', async (t) => {
  const origin = await startFlowOrigin(t, (_incoming, response) => {
    response.write('the first bytes')
  })
  const { rawResponse } = await httpRequest(origin.url, { stream: true, idleTimeout: 300 })
  rawResponse.resume()
  assertTimedOut(await rejection(finished(rawResponse)), 300)
  await until(() => origin.closed === 1, 'the server sees the connection close')
})
