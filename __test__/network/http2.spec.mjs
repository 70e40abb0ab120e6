// HTTP/2, chosen in the TLS handshake: requests that share a connection, and connections that end.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { constants, createSecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { httpDownload, httpGetText, httpRequest } from '@socketsecurity/registry'
import { listen } from '../helpers/origins/listen.mjs'
import { cert, key } from '../helpers/origins/localhost-certificate.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const options = { ca: cert }

async function serve(t, listener) {
  const server = createSecureServer({ key, cert }, listener)
  const sessions = []
  server.on('session', (session) => sessions.push(session.on('error', () => {})))
  return { url: `https://localhost:${await listen(t, server)}`, sessions }
}

test('a hundred requests share one connection', async (t) => {
  const { url, sessions } = await serve(t, (request, response) => response.end(request.httpVersion))
  await httpGetText(url, options)
  const versions = Array.from({ length: 100 }, () => httpGetText(url, options))
  assert.deepEqual([...new Set(await Promise.all(versions))], ['2.0'])
  assert.equal(sessions.length, 1)
})

test('a server that does not offer it gets HTTP/1.1', async (t) => {
  const server = createHttpsServer({ key, cert }, (request, response) =>
    response.end(request.httpVersion),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  assert.equal(await httpGetText(`https://localhost:${server.address().port}`, options), '1.1')
})

test('a large file arrives whole', async (t) => {
  const body = Buffer.alloc(50 << 20, 'x')
  const { url } = await serve(t, (_, response) => response.end(body))
  const path = join(temporaryDirectory(t), 'file')
  await httpDownload(url, path, options)
  assert.equal(statSync(path).size, body.length)
})

test('a reason phrase is supplied, for HTTP/2 has none', async (t) => {
  const { url } = await serve(t, (_, response) => response.writeHead(404).end())
  assert.equal((await httpRequest(url, options)).statusText, 'Not Found')
})

test('GOAWAY in a burst loses nothing', async (t) => {
  let count = 0
  const left = new Set()
  const { url } = await serve(t, (request, response) => {
    count += 1
    const { session } = request.stream
    if ((count === 10 || count === 25) && !left.has(session)) {
      // Names the last request that gets a response; those behind it were not processed.
      session.goaway(constants.NGHTTP2_NO_ERROR)
      left.add(session)
    }
    setTimeout(() => response.end('ok'), 20)
  })
  const method = 'POST'
  const calls = Array.from({ length: 50 }, () => httpRequest(url, { ...options, method }))
  assert.ok((await Promise.all(calls)).every((response) => response.text() === 'ok'))
})

test('a refused stream is sent again, one that failed midway is not', async (t) => {
  let count = 0
  const { url } = await serve(t, (request, response) => {
    count += 1
    if (count === 1) request.stream.close(constants.NGHTTP2_REFUSED_STREAM)
    else if (count === 3) request.stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    else response.end('ok')
  })
  assert.equal(await httpGetText(url, options), 'ok')
  assert.equal(count, 2)
  assert.equal((await rejection(httpGetText(url, options))).code, 'ECONNRESET')
  assert.equal(count, 3)
})

test('a server that refuses every stream does not get requests for ever', async (t) => {
  let count = 0
  const { url } = await serve(t, (request) => {
    count += 1
    request.stream.close(constants.NGHTTP2_REFUSED_STREAM)
  })
  await rejection(httpGetText(url, options))
  assert.ok(count < 20, `${count} requests`)
})

test('a connection that was closed while idle is replaced', async (t) => {
  const { url, sessions } = await serve(t, (_, response) => response.end('ok'))
  assert.equal(await httpGetText(url, options), 'ok')
  sessions[0].close()
  await once(sessions[0], 'close')
  assert.equal(await httpGetText(url, options), 'ok')
})

test('fields that belong to a connection of HTTP/1.1 do no harm', async (t) => {
  const { url } = await serve(t, (request, response) => response.end(request.httpVersion))
  const headers = { Connection: 'keep-alive', 'Keep-Alive': 'x', 'Transfer-Encoding': 'chunked' }
  assert.equal(await httpGetText(url, { ...options, headers: { ...headers, Upgrade: 'x' } }), '2.0')
})
