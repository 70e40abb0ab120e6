// An API of which a share of the responses fails, in every way that a network and a server have. It
// executes what it has read, also when its response does not arrive, and counts how often.

import { createServer } from 'node:http'
import './no-proxy.mjs'

/**
 * Each ends an exchange whose response should have been `text`; `true`: the request was not
 * executed.
 */
const faults = {
  reset: (_text, response) => void response.socket.resetAndDestroy(),
  close: (_text, response) => void response.socket.destroy(),
  'reset in the head': (_text, response) => {
    response.socket.write('HTTP/1.1 200 OK\r\nContent-Le')
    setImmediate(() => response.socket?.resetAndDestroy())
  },
  truncated: (text, response) => {
    response.writeHead(200, { 'Content-Length': text.length })
    response.write(text.slice(0, text.length / 2))
    setTimeout(() => response.socket?.destroy(), 1)
  },
  'truncated chunks': (text, response) => {
    response.writeHead(200)
    response.write(text.slice(0, text.length / 2))
    setTimeout(() => response.socket?.destroy(), 1)
  },
  silent: () => {},
  stalled: (text, response) => {
    response.writeHead(200, { 'Content-Length': text.length })
    response.write(text.slice(0, text.length / 2))
  },
  'too many': (_text, response) => {
    response.writeHead(429, { 'Retry-After': '0' }).end('{"wrong":true}')
    return true
  },
  unavailable: (_text, response) => {
    response.writeHead(503, { 'Retry-After': new Date(0).toUTCString() }).end('{"wrong":true}')
    return true
  },
  'server error': (_text, response) => void response.writeHead(500).end('{"wrong":true}'),
  'bad gateway': (_text, response) => void response.writeHead(502).end('<html>wrong'),
  'gateway timeout': (_text, response) => void response.writeHead(504).end(),
}

/**
 * @param {import('node:test').TestContext} t the server is closed after this test
 * @param {{ pick: Function, chance: Function }} dice see seeded-random.mjs
 * @param {number} share of faults, 0 to 1
 */
export async function startFaultyApi(t, dice, share) {
  const api = { url: '', executed: new Map(), faults: new Map() }
  const kinds = Object.keys(faults)
  const server = createServer(async (request, response) => {
    response.on('error', () => {})
    request.on('error', () => {})
    let body = ''
    try {
      for await (const chunk of request) body += chunk
    } catch {
      return
    }
    const text = responseText(request.method, request.url, body)
    const kind = dice.chance(share) ? dice.pick(kinds) : undefined
    const wasRefused = kind && faults[kind](text, response)
    api.faults.set(kind, (api.faults.get(kind) ?? 0) + 1)
    if (!wasRefused) {
      const call = `${request.method} ${request.url}`
      api.executed.set(call, (api.executed.get(call) ?? 0) + 1)
    }
    if (!kind) response.writeHead(200, { ETag: `"${request.url}"` }).end(text)
  })
  server.keepAliveTimeout = 60_000
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  api.url = `http://127.0.0.1:${server.address().port}`
  return api
}

/** The body of the response when all goes well: long enough to be cut. */
export function responseText(method, path, body) {
  return JSON.stringify({ method, path, body, padding: path.repeat(20) })
}
