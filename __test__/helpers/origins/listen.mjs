// Servers of any protocol, on the loopback and on a port of their own, that are gone when the test
// is.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { createSecureServer as createHttp2Server } from 'node:http2'
import { createServer as createSecureServer } from 'node:https'
import { cert, key } from './localhost-certificate.mjs'
import './no-proxy.mjs'

/**
 * Starts a server. After the test its connections are cut, so that no client keeps it open.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('node:net').Server} server
 * @returns {Promise<number>} the port
 */
export async function listen(t, server) {
  const sockets = new Set()
  server.on('connection', (socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.on('close', () => sockets.delete(socket))
  })
  // Of HTTP/2: a client may leave whenever it likes.
  server.on('sessionError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return server.address().port
}

const servers = {
  'HTTP/1.1': (options, listener) => createServer(options, listener),
  'HTTP/1.1 over TLS': (options, listener) =>
    createSecureServer({ key, cert, ...options }, listener),
  'HTTP/2': (options, listener) => createHttp2Server({ key, cert, ...options }, listener),
}

export const PROTOCOLS = Object.keys(servers)

/**
 * Starts a server that speaks a protocol of `PROTOCOLS`.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} protocol
 * @param {import('node:http').RequestListener} listener
 * @param {object} [options] of the function of Node.js that makes the server
 * @returns {Promise<{ port: number, url: string }>}
 */
export async function serve(t, protocol, listener, options = {}) {
  const port = await listen(t, servers[protocol](options, listener))
  return { port, url: `${protocol === 'HTTP/1.1' ? 'http' : 'https'}://localhost:${port}/` }
}
