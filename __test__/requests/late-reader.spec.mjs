// Servers that read an upload late: nothing but the limits of the caller ends it. The longest wait here is longer than the
// 30 s after which clients of this kind give up by TCP_USER_TIMEOUT, unless told otherwise.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createSecureServer as createHttp2Server } from 'node:http2'
import { createServer as createSecureServer } from 'node:https'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import { cert, key } from '../helpers/origins/localhost-certificate.mjs'
import { startProxy } from '../helpers/origins/proxy-origin.mjs'
import { rejection, sleep } from '../helpers/support.mjs'

/** More than what fits into the buffers of both ends and of a proxy. */
const BODY = Buffer.alloc(24 << 20, 'x')
const LATE = 33_000

/** A server that looks at the bodies after `late` milliseconds; infinite is never. */
async function startLateOrigin(t, make, late) {
  const server = make(async (request, response) => {
    request.on('error', () => {})
    if (late === Number.POSITIVE_INFINITY) return
    await sleep(late, undefined, { ref: false })
    let received = 0
    for await (const chunk of request) received += chunk.length
    response.end(`${received}`)
  })
  const sockets = new Set()
  server.on('connection', (socket) => {
    sockets.add(socket.on('error', () => {}))
  })
  server.on('sessionError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return server.address().port
}

const plain = (listener) => createServer({ requestTimeout: 0 }, listener)
const secure = (listener) => createSecureServer({ key, cert, requestTimeout: 0 }, listener)
const http2 = (listener) => createHttp2Server({ key, cert }, listener)

const upload = (url, options) =>
  httpRequest(url, { method: 'POST', body: BODY, ca: cert, timeout: 0, ...options })

test('an upload waits for a server that reads after more than half a minute', async (t) => {
  const [free, secured, second] = await Promise.all(
    [plain, secure, http2].map((make) => startLateOrigin(t, make, LATE)),
  )
  const proxy = await startProxy(t, { port: secured })
  const responses = await Promise.all([
    upload(`http://127.0.0.1:${free}/`),
    upload(`https://localhost:${secured}/`),
    upload(`https://localhost:${second}/`),
    upload(`https://localhost:${secured}/`, { proxy: `http://${proxy.host}` }),
  ])
  for (const response of responses) assert.equal(response.text(), `${BODY.length}`)
})

describe('a server that never reads', () => {
  for (const [what, make, url] of [
    ['HTTP/1.1', plain, (port) => `http://127.0.0.1:${port}/`],
    ['HTTP/2', http2, (port) => `https://localhost:${port}/`],
  ]) {
    test(`${what}: the timeout ends the upload`, async (t) => {
      const port = await startLateOrigin(t, make, Number.POSITIVE_INFINITY)
      const error = await rejection(upload(url(port), { timeout: 300 }))
      assert.equal(error.code, 'ERR_TIMEOUT')
      assert.match(error.message, /Request timed out after 300ms/)
    })

    test(`${what}: so does the signal`, async (t) => {
      const port = await startLateOrigin(t, make, Number.POSITIVE_INFINITY)
      const signal = AbortSignal.timeout(300)
      assert.equal((await rejection(upload(url(port), { signal }))).name, 'AbortError')
    })
  }
})

describe('idleTimeout ends an upload', () => {
  for (const [what, make, scheme] of [
    ['HTTP/1.1', plain, 'http'],
    ['TLS', secure, 'https'],
    ['HTTP/2', http2, 'https'],
  ]) {
    test(`whose server reads nothing, over ${what}`, async (t) => {
      const port = await startLateOrigin(t, make, Number.POSITIVE_INFINITY)
      const error = await rejection(
        upload(`${scheme}://localhost:${port}/`, { idleTimeout: 500, timeout: 20_000 }),
      )
      assert.equal(error.code, 'ERR_TIMEOUT')
      assert.match(error.message, /No data received for 500ms/)
    })
  }

  test('that has been sent whole and is not answered', async (t) => {
    const port = await startLateOrigin(t, plain, Number.POSITIVE_INFINITY)
    const options = { body: 'small', idleTimeout: 300, timeout: 20_000 }
    const error = await rejection(upload(`http://127.0.0.1:${port}/`, options))
    assert.match(error.message, /No data received for 300ms/)
  })

  test('but not while its source has nothing to send', async (t) => {
    const port = await startLateOrigin(t, plain, 0)
    async function* slowly() {
      for (let count = 0; count < 3; count += 1) {
        await sleep(400)
        yield Buffer.from('piece')
      }
    }
    const options = { body: Readable.from(slowly()), idleTimeout: 250, timeout: 20_000 }
    const response = await upload(`http://127.0.0.1:${port}/`, options)
    assert.equal(response.text(), '15')
  })
})
