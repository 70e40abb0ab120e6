// A server that sends ranges of a file, at a speed of its own for each connection, and keeps a
// record of every request. A script says what it does wrong.

import { randomFillSync } from 'node:crypto'
import { createServer } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { cert, key } from './localhost-certificate.mjs'
import './no-proxy.mjs'

const PIECE = 65_536

/**
 * @typedef {object} Version
 * @property {Buffer} body
 * @property {Record<string, string>} validators
 */

/** @returns {Version} random bytes under a strong validator */
export const version = (size, etag = '"v1"') => ({
  body: randomFillSync(Buffer.alloc(size)),
  validators: { ETag: etag },
})

/**
 * The bytes that a request asks for, `end` exclusive; undefined when it asks for all, or its
 * `If-Range` does not hold.
 */
export function rangeOf({ headers }, { body, validators }) {
  const match = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '')
  const condition = headers['if-range']
  if (!match || (condition !== undefined && !Object.values(validators).includes(condition))) {
    return undefined
  }
  const end = match[2] === '' ? body.length : Math.min(Number(match[2]) + 1, body.length)
  return { start: Number(match[1]), end }
}

/** The response of a server that does everything right. */
export function honest(request, file) {
  const range = rangeOf(request, file)
  if (!range) return { status: 200, headers: file.validators, body: file.body }
  const { start, end } = range
  if (start >= file.body.length) {
    return { status: 416, headers: { 'Content-Range': `bytes */${file.body.length}` } }
  }
  const contentRange = `bytes ${start}-${end - 1}/${file.body.length}`
  const headers = { ...file.validators, 'Content-Range': contentRange }
  return { status: 206, headers, body: file.body.subarray(start, end) }
}

/**
 * @callback Script
 * @param {{
 *   headers: Record<string, string>,
 *   range?: { start: number, end: number },
 *   index: number,
 *   port: number,
 * }} request
 * @param {Version} file
 * @returns {object | undefined} the response; nothing for the right one. `cut`: bytes after which
 *   the connection is reset. `stall`: bytes after which nothing more comes. `reset`: at once.
 *
 * @param {import('node:test').TestContext} t
 * @param {Version} file
 * @param {{
 *   script?: Script,
 *   speed?: number | ((request: object) => number),
 *   protocol?: 'http' | 'https' | 'h2',
 * }} [options]
 *   `speed`: bytes per second of each response
 */
export async function startRangeOrigin(t, file, options = {}) {
  const { script = () => undefined, speed, protocol = 'http' } = options
  const origin = {
    url: '',
    port: 0,
    file,
    requests: [],
    sent: 0,
    connections: 0,
    active: 0,
    most: 0,
  }
  const server = {
    http: () => createServer(),
    https: () => createHttpsServer({ key, cert }),
    h2: () => createSecureServer({ key, cert }),
  }[protocol]()
  const sockets = new Set()
  server.on(protocol === 'http' ? 'connection' : 'secureConnection', (socket) => {
    origin.connections += 1
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)))
  })
  server.on('sessionError', () => {})
  server.on('request', (incoming, response) => {
    const { headers, url } = incoming
    const port = (incoming.stream?.session?.socket ?? incoming.socket).remotePort
    const range = rangeOf(incoming, origin.file)
    const request = { headers, url, range, port, index: origin.requests.length, sent: 0 }
    origin.requests.push(request)
    origin.active += 1
    origin.most = Math.max(origin.most, origin.active)
    let isOver = false
    const over = () => {
      origin.active -= isOver ? 0 : 1
      isOver = true
    }
    response.on('error', () => {}).on('close', over)
    const scripted = script(request, origin.file) ?? honest(incoming, origin.file)
    send(
      incoming,
      response,
      scripted,
      (bytes) => {
        request.sent += bytes
        origin.sent += bytes
        if (request.sent === scripted.body?.length) over()
      },
      typeof speed === 'function' ? speed(request) : speed,
    )
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  origin.port = server.address().port
  origin.url = `${protocol === 'http' ? 'http://127.0.0.1' : 'https://localhost'}:${origin.port}/file`
  return origin
}

async function send(incoming, response, scripted, count, speed) {
  const {
    status = 200,
    headers = {},
    body = Buffer.alloc(0),
    cut,
    stall,
    reset,
    wait = 0,
    chunked,
  } = scripted
  const socket = response.stream ? response.stream.session?.socket : response.socket
  if (wait) await sleep(wait)
  if (reset) return socket?.resetAndDestroy()
  const length = chunked ? {} : { 'Content-Length': body.length }
  response.writeHead(status, { ...length, ...headers })
  const until = Math.min(cut ?? body.length, stall ?? body.length)
  const started = performance.now()
  for (let from = 0; from < until; from += PIECE) {
    // Others have a turn, too.
    const ahead = speed ? (from / speed) * 1000 - (performance.now() - started) : 0
    await (ahead > 1 ? sleep(ahead) : new Promise(setImmediate))
    if (response.destroyed) return undefined
    const piece = body.subarray(from, Math.min(from + PIECE, until))
    const isLast = from + PIECE >= body.length
    count(piece.length)
    // The head of the next request may come as soon as the last piece is there.
    if (isLast) return response.end(piece)
    if (!response.write(piece)) await drained(response)
  }
  if (cut !== undefined)
    return incoming.stream ? incoming.stream.close(2) : socket?.resetAndDestroy()
  if (stall === undefined) response.end()
}

/** Resolves when a response takes more, or is over. */
export const drained = (response) =>
  new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
