// An HTTP server on 127.0.0.1 that leaves the body of a request to its handler, and handlers that
// pour out bodies and count what went out: for what is streamed and for who holds up whom.

import { createServer } from 'node:http'
import { listen } from './listen.mjs'

/** More than what sockets hold on their way, far less than what flows when nothing holds it up. */
export const MOST_ON_THE_WAY = 48 * 1024 * 1024

const piece = Buffer.alloc(1 << 16, 'socket registry ')

/**
 * @callback Handler
 * @param {import('node:http').IncomingMessage} incoming of which nothing has been read
 * @param {import('node:http').ServerResponse} response
 * @param {number} index how many requests came before
 *
 * @param {import('node:test').TestContext} t the server is closed after this test
 * @param {Handler} handler
 */
export async function startFlowOrigin(t, handler) {
  const origin = { url: '', port: 0, requests: [], closed: 0, broken: 0, sockets: new Set() }
  const server = createServer((incoming, response) => {
    const index = origin.requests.push(incoming) - 1
    incoming.on('error', () => {})
    incoming.on('close', () => {
      if (!incoming.complete) origin.broken += 1
    })
    response.on('error', () => {})
    response.on('close', () => {
      origin.closed += 1
    })
    handler(incoming, response, index)
  })
  server.on('connection', (socket) => {
    origin.sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => origin.sockets.delete(socket))
  })
  origin.port = await listen(t, server)
  origin.url = `http://127.0.0.1:${origin.port}`
  return origin
}

/**
 * Writes a body as fast as it is taken, for ever unless `size` says how long it is.
 *
 * @param {import('node:http').ServerResponse} response
 * @param {{ size?: number, headers?: Record<string, string | number> }} [options]
 * @returns {{ written: number }} kept up to date
 */
export function pour(response, { size = Number.POSITIVE_INFINITY, headers = {} } = {}) {
  const flow = { written: 0 }
  const more = () => {
    while (!response.destroyed && flow.written < size) {
      const next = piece.subarray(0, Math.min(piece.length, size - flow.written))
      flow.written += next.length
      if (!response.write(next)) {
        response.once('drain', more)
        return
      }
    }
    if (!response.destroyed) response.end()
  }
  response.writeHead(200, headers)
  more()
  return flow
}

/** Reads the body of a request to its end. */
export async function readBody(incoming) {
  const chunks = []
  for await (const chunk of incoming) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/**
 * Waits until a count stands still, as it does when the other side takes nothing any more.
 *
 * @param {() => number} count
 * @param {number} most gives up beyond it: then nothing holds it up
 */
export async function standstill(count, most) {
  const QUIET = 300
  let last = count()
  let since = performance.now()
  while (performance.now() - since < QUIET && last <= most) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    if (count() !== last) {
      last = count()
      since = performance.now()
    }
  }
  return last
}
