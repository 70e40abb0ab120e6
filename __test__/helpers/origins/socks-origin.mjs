// A SOCKS proxy of either version that keeps a record. Every name leads to one origin.

import { connect, createServer } from 'node:net'
import { listen } from './listen.mjs'

const GRANTED = { 4: [0, 90, 0, 0, 0, 0, 0, 0], 5: [5, 0, 0, 1, 0, 0, 0, 0, 0, 0] }
const REFUSED = { 4: [0, 91, 0, 0, 0, 0, 0, 0], 5: [5, 2, 0, 1, 0, 0, 0, 0, 0, 0] }

/**
 * @param {import('node:test').TestContext} t
 * @param {object} options
 * @param {number} [options.port] where all that it is asked for is found; without it, everything is
 *   refused
 * @param {string} [options.credentials] `user:password` that it asks for, in version 5
 */
export async function startSocks(t, { credentials, port }) {
  /** `version host:port`, as asked for. */
  const requests = []
  const sockets = new Set()

  const server = createServer((socket) => {
    const greeting = credentials ? 2 : 0
    let reply = (bytes) => (bytes[0] === 4 ? open(4, asked4(bytes)) : greet(bytes))

    function greet(bytes) {
      const isOffered = bytes.subarray(2, 2 + bytes[1]).includes(greeting)
      socket.write(Buffer.from([5, isOffered ? greeting : 0xff]))
      reply = credentials ? authenticate : (request) => open(5, asked5(request))
    }

    function authenticate(bytes) {
      const password = 2 + bytes[1] + 1
      const given = `${bytes.subarray(2, password - 1)}:${bytes.subarray(password)}`
      const isRight = given === credentials
      socket.write(Buffer.from([1, isRight ? 0 : 1]))
      reply = (request) => open(5, asked5(request))
    }

    function open(version, asked) {
      requests.push(`${version} ${asked}`)
      socket.removeAllListeners('data')
      if (!port) return socket.end(Buffer.from(REFUSED[version]))
      const origin = connect(port, '127.0.0.1', () => {
        socket.write(Buffer.from(GRANTED[version]))
        socket.pipe(origin).pipe(socket)
      })
      sockets.add(origin.on('error', () => socket.destroy()))
    }

    sockets.add(socket.on('error', () => {}))
    socket.on('data', (bytes) => reply(bytes))
  })
  return { requests, host: `127.0.0.1:${await listen(t, server)}` }
}

/** Version 4: an address, or 0.0.0.1 and the name behind the user. */
function asked4(bytes) {
  const address = bytes.subarray(4, 8)
  const isName = address.subarray(0, 3).every((byte) => byte === 0)
  const name = bytes.subarray(bytes.indexOf(0, 8) + 1, -1)
  return `${isName ? name : address.join('.')}:${bytes.readUInt16BE(2)}`
}

/** Version 5: an address, or a length and the name. */
function asked5(bytes) {
  const port = bytes.readUInt16BE(bytes.length - 2)
  const isName = bytes[3] === 3
  return `${isName ? bytes.subarray(5, -2) : bytes.subarray(4, -2).join('.')}:${port}`
}
