// Servers that read an upload late: nothing but the limits of the caller ends it. The longest wait
// here is longer than the 30 s after which clients of this kind give up by TCP_USER_TIMEOUT, unless
// told otherwise.

import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import { listen, PROTOCOLS, serve } from '../helpers/origins/listen.mjs'
import { cert } from '../helpers/origins/localhost-certificate.mjs'
import { startProxy } from '../helpers/origins/proxy-origin.mjs'
import { rejection, sleep } from '../helpers/support.mjs'

/** More than what fits into the buffers of both ends and of a proxy. */
const BODY = Buffer.alloc(24 << 20, 'x')
const LATE = 33_000

/** A server that looks at the bodies after `late` milliseconds; infinite is never. */
async function startLateOrigin(t, protocol, late) {
  const listener = async (request, response) => {
    request.on('error', () => {})
    if (late === Number.POSITIVE_INFINITY) return
    await sleep(late, undefined, { ref: false })
    let received = 0
    for await (const chunk of request) received += chunk.length
    response.end(`${received}`)
  }
  return serve(t, protocol, listener, { requestTimeout: 0 })
}

/** A line on which nothing moves towards the server for some time, pings among it. */
async function startSlowLine(t, port) {
  const relay = createServer((client) => {
    const server = connect(port, '127.0.0.1')
    for (const socket of [client, server]) socket.on('error', () => {})
    let count = 0
    client.on('data', (chunk) => {
      count += chunk.length
      server.write(chunk)
      if (count < 1 << 20) return
      count = Number.NEGATIVE_INFINITY
      client.pause()
      setTimeout(() => client.resume(), LATE).unref()
    })
    server.pipe(client)
    client.on('close', () => server.destroy())
  })
  return { url: `https://localhost:${await listen(t, relay)}` }
}

const upload = (url, options) =>
  httpRequest(url, { method: 'POST', body: BODY, ca: cert, timeout: 0, ...options })

test('an upload waits for a server that reads after more than half a minute', async (t) => {
  const origins = PROTOCOLS.map((protocol) => startLateOrigin(t, protocol, LATE))
  const [plain, secure, http2] = await Promise.all(origins)
  const proxy = await startProxy(t, { port: secure.port })
  const slowLine = await startSlowLine(t, http2.port)
  const responses = await Promise.all([
    ...[plain, secure, http2, slowLine].map(({ url }) => upload(url)),
    upload(secure.url, { proxy: `http://${proxy.host}` }),
  ])
  for (const response of responses) assert.equal(response.text(), `${BODY.length}`)
})

describe('a server that never reads', () => {
  for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
    test(`${protocol}: the timeout ends the upload`, async (t) => {
      const { url } = await startLateOrigin(t, protocol, Number.POSITIVE_INFINITY)
      const error = await rejection(upload(url, { timeout: 300 }))
      assert.equal(error.code, 'ERR_TIMEOUT')
      assert.match(error.message, /Request timed out after 300ms/)
    })

    test(`${protocol}: so does the signal`, async (t) => {
      const { url } = await startLateOrigin(t, protocol, Number.POSITIVE_INFINITY)
      const signal = AbortSignal.timeout(300)
      assert.equal((await rejection(upload(url, { signal }))).name, 'AbortError')
    })
  }
})

describe('idleTimeout ends an upload', () => {
  for (const protocol of PROTOCOLS) {
    test(`whose server reads nothing, over ${protocol}`, async (t) => {
      const { url } = await startLateOrigin(t, protocol, Number.POSITIVE_INFINITY)
      const error = await rejection(upload(url, { idleTimeout: 500, timeout: 20_000 }))
      assert.equal(error.code, 'ERR_TIMEOUT')
      assert.match(error.message, /No data received for 500ms/)
    })
  }

  test('that has been sent whole and gets no response', async (t) => {
    const { url } = await startLateOrigin(t, 'HTTP/1.1', Number.POSITIVE_INFINITY)
    const options = { body: 'small', idleTimeout: 300, timeout: 20_000 }
    const error = await rejection(upload(url, options))
    assert.match(error.message, /No data received for 300ms/)
  })

  test('but not while its source has nothing to send', async (t) => {
    const { url } = await startLateOrigin(t, 'HTTP/1.1', 0)
    async function* slowly() {
      for (let count = 0; count < 3; count += 1) {
        await sleep(1800)
        yield Buffer.from('piece')
      }
    }
    const options = { body: Readable.from(slowly()), idleTimeout: 1500, timeout: 20_000 }
    const response = await upload(url, options)
    assert.equal(response.text(), '15')
  })
})
