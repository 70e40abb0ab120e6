// Responses for the specs of resumption: whole bodies, bodies that break off, and ranges of them,
// right and wrong.

import { randomBytes } from 'node:crypto'
import './no-proxy.mjs'

export const OLD_DATE = 'Tue, 01 Feb 2022 10:00:00 GMT'

/** Bytes and the validators under which they are served. */
export function representation(size, validators, body = randomBytes(size)) {
  return { body, validators }
}

/** Sends a whole representation. */
export function whole({ body, validators }) {
  return { headers: { 'Accept-Ranges': 'bytes', ...validators }, body }
}

/**
 * A handler that sends the head and the first bytes of a representation and closes the connection.
 */
export function brokenOff(
  { body, validators },
  count,
  headers = { 'Content-Length': body.length },
) {
  return (_request, response) => {
    response.writeHead(200, { 'Accept-Ranges': 'bytes', ...headers, ...validators })
    const end = () => response.socket.destroySoon()
    if (count > 0) response.write(body.subarray(0, count), end)
    else {
      response.flushHeaders()
      setImmediate(end)
    }
  }
}

/** The first byte that a request asks for; undefined when it asks for everything. */
export function rangeStart({ headers }) {
  const match = /^bytes=(\d+)-$/.exec(headers.range ?? '')
  return match ? Number(match[1]) : undefined
}

/** A 206 with the bytes from `from` on; anything about it can be replaced. */
export function slice({ body, validators }, from, changes = {}) {
  const contentRange = `bytes ${from}-${body.length - 1}/${body.length}`
  const headers = { ...validators, 'Content-Range': contentRange, ...changes.headers }
  for (const name of Object.keys(headers)) {
    if (headers[name] === undefined) delete headers[name]
  }
  return { status: 206, body: body.subarray(from), ...changes, headers }
}

/** The responses of a server that does it right: a range only when `If-Range` still holds. */
export function honest(current) {
  const strong = current.validators.ETag?.startsWith('"') ? current.validators.ETag : undefined
  const validator = strong ?? current.validators['Last-Modified']
  return (request) => {
    const from = rangeStart(request)
    if (from === undefined) return whole(current)
    const condition = request.headers['if-range']
    if (condition !== undefined && condition !== validator) return whole(current)
    if (from < current.body.length) return slice(current, from)
    return { status: 416, headers: { 'Content-Range': `bytes */${current.body.length}` } }
  }
}
