// A proxy that keeps a record: absolute URLs for http, CONNECT for https. Every name leads to one
// origin.

import { createServer, request as forward } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { connect } from 'node:net'
import { listen } from './listen.mjs'

/**
 * @param {import('node:test').TestContext} t
 * @param {object} [options]
 * @param {string} [options.credentials] `user:password` that it asks for
 * @param {string} [options.established] its response to CONNECT
 * @param {number} [options.port] where all that it is asked for is found
 * @param {{ key: string, cert: string }} [options.tls] for a proxy that itself is reached over TLS
 */
export async function startProxy(t, options = {}) {
  const { credentials, established = 'HTTP/1.1 200 Connected\r\n\r\n', port, tls } = options
  const requests = []
  const sockets = new Set()
  const expected = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`
  const record = ({ method, url, headers }) => requests.push({ method, url, headers })
  const isAllowed = ({ headers }) => !expected || headers['proxy-authorization'] === expected

  const server = tls ? createSecureServer(tls) : createServer()
  server.on('request', (incoming, response) => {
    record(incoming)
    if (!isAllowed(incoming)) return response.writeHead(407).end('who are you?')
    const { method, headers } = incoming
    const path = new URL(incoming.url).pathname
    const outgoing = forward({ host: '127.0.0.1', port, method, path, headers }, (received) => {
      response.writeHead(received.statusCode, received.headers)
      received.pipe(response)
    })
    outgoing.on('error', () => response.destroy())
    incoming.pipe(outgoing)
  })
  server.on('connect', (incoming, socket) => {
    record(incoming)
    sockets.add(socket.on('error', () => {}))
    if (!isAllowed(incoming)) return socket.end('HTTP/1.1 407 Who Are You\r\n\r\n')
    const origin = connect(port, '127.0.0.1', () => {
      socket.write(established)
      socket.pipe(origin).pipe(socket)
    })
    sockets.add(origin.on('error', () => socket.destroy()))
  })
  const listening = await listen(t, server)
  return { requests, port: listening, host: `127.0.0.1:${listening}` }
}
