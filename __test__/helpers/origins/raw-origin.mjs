// A TCP server on 127.0.0.1 that says exactly the bytes it is told to, whether they are HTTP or
// not.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { listen } from './listen.mjs'

/**
 * @callback Script
 * @param {import('node:net').Socket} socket
 * @param {number} index how many requests came before
 *
 * @param {import('node:test').TestContext} t the server is closed after this test
 * @param {Script | Script[]} script called when the head of a request has arrived; one for all
 *   requests, or one for each, of which the last is used again
 */
export async function startRawOrigin(t, script) {
  const steps = Array.isArray(script) ? script : [script]
  const origin = { url: '', port: 0, heads: [], connections: 0, sockets: new Set() }

  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let received = ''
    origin.connections += 1
    origin.sockets.add(socket)
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('close', () => origin.sockets.delete(socket))
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1')
      const end = received.indexOf('\r\n\r\n')
      if (end !== -1) {
        const index = origin.heads.push(received.slice(0, end)) - 1
        received = ''
        steps[Math.min(index, steps.length - 1)](socket, index)
      }
    })
  })

  origin.port = await listen(t, server)
  origin.url = `http://127.0.0.1:${origin.port}`
  return origin
}

/** The bytes of a response, with nothing added to what is given. */
export function raw(statusLine, headers = [], body = '') {
  const head = [statusLine, ...headers, '', ''].join('\r\n')
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)])
}

/** A script that says this and closes the connection in order. */
export function sayAndClose(bytes) {
  return (socket) => socket.end(bytes)
}

/** A script that says this and then nothing more, with the connection open. */
export function sayAndStall(bytes) {
  return (socket) => socket.write(bytes)
}

/** A script that says this and, when it has reached the client, resets the connection. */
export function sayAndReset(bytes = '') {
  return (socket) => {
    if (bytes.length > 0) {
      socket.write(bytes)
    }
    setTimeout(() => socket.resetAndDestroy(), bytes.length > 0 ? 50 : 0)
  }
}

/**
 * The URL of a port at which nobody listens. It is taken by a connection that stays open, so that
 * no server, of another test either, is given it meanwhile.
 */
export async function unusedUrl() {
  const server = createServer((socket) => socket.unref()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect(server.address().port, '127.0.0.1')
  await once(socket, 'connect')
  server.unref()
  socket.unref()
  return `http://127.0.0.1:${socket.localPort}`
}
