// A server of HTTP/2 that writes single frames (RFC 9113), so that it can do what node:http2 does
// not.

import { createServer } from 'node:tls'
import { listen } from './listen.mjs'
import { cert, key } from './localhost-certificate.mjs'

const TYPES = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6, goaway: 7 }
const END_STREAM = 1
const ACK = 1
const END_HEADERS = 4
const PREFACE = 24
/** `:status: 200`, of the static table of HPACK. */
const OK = Buffer.from([0x88])

function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

function numbers(...values) {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index)
  return bytes
}

export const frames = {
  head: (stream) => frame(TYPES.headers, END_HEADERS, stream, OK),
  data: (stream, text) => frame(TYPES.data, 0, stream, Buffer.from(text)),
  end: (stream, text = '') => frame(TYPES.data, END_STREAM, stream, Buffer.from(text)),
  reset: (stream, code) => frame(TYPES.rstStream, 0, stream, numbers(code)),
  goaway: (last, code) => frame(TYPES.goaway, 0, 0, numbers(last, code)),
}

/**
 * Starts a server. `respond` is called at the end of each request with
 * `{ stream, index, connection, socket }`, both counted from 0, and returns frames to write.
 */
export async function startFramesOrigin(t, respond) {
  const origin = { requests: 0, connections: 0 }
  const server = createServer({ key, cert, ALPNProtocols: ['h2'] }, (socket) => {
    const connection = origin.connections++
    let rest = Buffer.alloc(0)
    let skip = PREFACE
    socket.on('error', () => {})
    socket.write(frame(TYPES.settings, 0, 0))
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      if (rest.length < skip) return
      rest = rest.subarray(skip)
      skip = 0
      while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const length = rest.readUIntBE(0, 3)
        const [type, flags] = [rest[3], rest[4]]
        const stream = rest.readUInt32BE(5)
        const payload = rest.subarray(9, 9 + length)
        rest = rest.subarray(9 + length)
        const isRequest = type === TYPES.headers || type === TYPES.data
        if (type === TYPES.settings && !(flags & ACK)) socket.write(frame(TYPES.settings, ACK, 0))
        if (type === TYPES.ping && !(flags & ACK)) socket.write(frame(TYPES.ping, ACK, 0, payload))
        if (isRequest && flags & END_STREAM) {
          const index = origin.requests++
          for (const each of respond({ stream, index, connection, socket })) socket.write(each)
        }
      }
    })
  })
  origin.url = `https://localhost:${await listen(t, server)}`
  return origin
}
