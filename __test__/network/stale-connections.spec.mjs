// Several kept-alive connections that the server has given up on: a call needs a new one, not
// another of those.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createSecureServer as createHttp2Server } from 'node:http2'
import { createServer as createSecureServer } from 'node:https'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { httpDownload, httpRequest } from '@socketsecurity/registry/lib/http-request'
import { listen } from '../helpers/origins/listen.mjs'
import { cert, key } from '../helpers/origins/localhost-certificate.mjs'
import { raw, startRawOrigin } from '../helpers/origins/raw-origin.mjs'
import { codes, rejection, temporaryDirectory, until } from '../helpers/support.mjs'

const KEPT = 4
const OK = raw('HTTP/1.1 200 OK', ['Content-Length: 2'], 'ok')

/** A server that resets a connection at its second request, when several connections are kept. */
async function startForgetfulOrigin(t) {
  const used = new WeakSet()
  const waiting = []
  const origin = await startRawOrigin(t, (socket, index) => {
    if (used.has(socket)) return socket.resetAndDestroy()
    used.add(socket)
    if (index < KEPT) waiting.push(socket)
    else socket.write(OK)
  })
  const first = Array.from({ length: KEPT }, () => httpRequest(origin.url))
  await until(() => waiting.length === KEPT, 'each request has a connection')
  for (const socket of waiting) socket.write(OK)
  await Promise.all(first)
  return origin
}

describe('when all idle connections are closed at the server', () => {
  test('a request succeeds all the same', async (t) => {
    const origin = await startForgetfulOrigin(t)
    assert.equal((await httpRequest(origin.url)).text(), 'ok')
  })

  test('a download succeeds all the same', async (t) => {
    const origin = await startForgetfulOrigin(t)
    const destination = join(temporaryDirectory(t), 'file')
    await httpDownload(origin.url, destination)
    assert.equal(readFileSync(destination, 'utf8'), 'ok')
  })
})

/**
 * Servers that close the connection of the second request in some way; `arrived` lists what reached
 * them.
 */
const SERVERS = {
  plain: (listener) => createServer(listener),
  TLS: (listener) => createSecureServer({ key, cert }, listener),
  'HTTP/2': (listener) => createHttp2Server({ key, cert }, listener),
}

/** Neither sends TLS's close_notify. */
const CLOSINGS = {
  FIN: (socket) => socket.destroy(),
  RST: (socket) => socket.resetAndDestroy(),
}

async function startClosingOrigin(t, protocol, close) {
  const arrived = []
  const sockets = new Map()
  const server = SERVERS[protocol]((request, response) => {
    const { remotePort } = request.stream?.session?.socket ?? request.socket
    arrived.push(request.method)
    if (arrived.length === 2) close(sockets.get(remotePort))
    else response.end('ok')
  })
  server.on('connection', (socket) => {
    sockets.set(socket.remotePort, socket)
  })
  for (const event of ['clientError', 'tlsClientError']) server.on(event, () => {})
  const url = `http${protocol === 'plain' ? '' : 's'}://localhost:${await listen(t, server)}/`
  const closeAll = () => {
    for (const socket of sockets.values()) close(socket)
    sockets.clear()
  }
  return { url, arrived, closeAll }
}

for (const protocol of Object.keys(SERVERS)) {
  for (const [closing, close] of Object.entries(CLOSINGS)) {
    describe(`an idle ${protocol} connection, closed by ${closing}`, () => {
      const options = { ca: cert, timeout: 10_000 }

      test('while a request is on it: GET, PUT and DELETE are sent again', async (t) => {
        for (const method of ['GET', 'PUT', 'DELETE']) {
          const origin = await startClosingOrigin(t, protocol, close)
          await httpRequest(origin.url, options)
          const body = method === 'PUT' ? 'x' : undefined
          const response = await httpRequest(origin.url, { ...options, method, body })
          assert.equal(response.text(), 'ok', method)
          assert.deepEqual(origin.arrived, ['GET', method, method])
        }
      })

      test('while several requests are on one, or on one each: all are sent again', async (t) => {
        const origin = await startClosingOrigin(t, protocol, close)
        await httpRequest(origin.url, options)
        const responses = Array.from({ length: 5 }, () => httpRequest(origin.url, options))
        for (const response of await Promise.all(responses)) assert.equal(response.text(), 'ok')
      })

      test('while a request is on it: a POST is not sent again', async (t) => {
        const origin = await startClosingOrigin(t, protocol, close)
        await httpRequest(origin.url, options)
        const error = await rejection(
          httpRequest(origin.url, { ...options, method: 'POST', body: 'x' }),
        )
        // The second, if the rest of the request was still to be written.
        assert.match(`${codes(error)}`, /ECONNRESET|EPIPE/)
        assert.equal(error.retryable, true)
        assert.deepEqual(origin.arrived, ['GET', 'POST'])
      })

      test('before the next request: nothing is lost, and nothing arrives twice', async (t) => {
        for (const method of ['GET', 'POST']) {
          const origin = await startClosingOrigin(t, protocol, close)
          await httpRequest(origin.url, options)
          origin.arrived.push('the one that is closed at')
          for (let round = 0; round < 20; round += 1) {
            origin.closeAll()
            const sent = httpRequest(origin.url, { ...options, method })
            // A POST that was on its way is not sent again.
            if (method === 'GET') assert.equal((await sent).text(), 'ok')
            else await sent.catch(({ code }) => assert.match(code, /^(ECONNRESET|EPIPE)$/))
          }
          assert.ok(origin.arrived.length <= 22, `${origin.arrived.length} arrived`)
        }
      })
    })
  }
}
