// An HTTP server on 127.0.0.1 that gives scripted responses and keeps a record of every request.

import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { listen } from './listen.mjs'
import { cert, key } from './localhost-certificate.mjs'

/**
 * @typedef {object} ScriptedResponse
 * @property {number} [status]
 * @property {string} [statusMessage]
 * @property {Record<string, string | string[]>} [headers]
 * @property {string | Uint8Array} [body]
 *
 * @typedef {object} Recorded
 * @property {string} method
 * @property {string} path with the query
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {Buffer} body
 * @property {number} at when it had arrived, on the clock of `performance.now()`
 *
 * @callback Handler
 * @param {Recorded} request
 * @param {import('node:http').ServerResponse} response
 * @param {number} index how many requests came before
 * @returns {ScriptedResponse | undefined | Promise<ScriptedResponse | undefined>} nothing when it
 *   responds by itself
 */

/**
 * @param {import('node:test').TestContext} t the server is closed after this test
 * @param {ScriptedResponse | Handler | (ScriptedResponse | Handler)[]} script one for all requests,
 *   or one for each, of which the last is used again
 * @param {{ secure?: boolean }} [options]
 */
export async function startOrigin(t, script = {}, { secure = false } = {}) {
  const steps = Array.isArray(script) ? script : [script]
  const origin = { url: '', port: 0, requests: [], connections: 0, sockets: new Set() }

  const server = secure ? createSecureServer({ key, cert }) : createServer()
  server.keepAliveTimeout = 60_000
  server.on('connection', (socket) => {
    origin.connections += 1
    origin.sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => origin.sockets.delete(socket))
  })
  server.on('request', async (incoming, response) => {
    const chunks = []
    incoming.on('error', () => {})
    for await (const chunk of incoming) {
      chunks.push(chunk)
    }
    const { method, url: path, headers, headersDistinct: distinct } = incoming
    const body = Buffer.concat(chunks)
    const request = { method, path, headers, distinct, body, at: performance.now() }
    const index = origin.requests.push(request) - 1
    const step = steps[Math.min(index, steps.length - 1)]
    const scripted = typeof step === 'function' ? await step(request, response, index) : step
    if (scripted) {
      send(response, scripted)
    }
  })

  origin.port = await listen(t, server)
  origin.url = `${secure ? 'https' : 'http'}://127.0.0.1:${origin.port}`
  return origin
}

/** A server that stops halfway through a body until `finish` is called. */
export async function startHalfway(t, body) {
  let finish
  const told = new Promise((resolve) => {
    finish = resolve
  })
  const half = body.length / 2
  const origin = await startOrigin(t, async (_request, response) => {
    response.writeHead(200, { 'Content-Length': body.length, ETag: '"1"' })
    response.write(body.subarray(0, half))
    await told
    response.end(body.subarray(half))
  })
  return { origin, finish }
}

function send(response, { status = 200, statusMessage, headers = {}, body = '' }) {
  const bytes = Buffer.from(body)
  const length = status === 204 || status === 304 ? {} : { 'Content-Length': bytes.length }
  response.writeHead(status, ...(statusMessage === undefined ? [] : [statusMessage]), {
    ...length,
    ...headers,
  })
  response.end(bytes)
}

/** A handler that waits before it gives the response. */
export function later(milliseconds, scripted = {}) {
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, milliseconds).unref())
    return scripted
  }
}

/** A handler that spreads a body over slices, a pause after each. */
export function slowly(body, slices, pause, headers = { 'Content-Length': body.length }) {
  return async (_request, response) => {
    response.writeHead(200, headers)
    const size = Math.ceil(body.length / slices)
    for (let start = 0; start < body.length && !response.destroyed; start += size) {
      response.write(body.subarray(start, start + size))
      await sleep(pause)
    }
    response.end()
  }
}

/** A handler that sends bytes as gzip, in many chunks. */
export function compressedInChunks(bytes) {
  return (_request, response) => {
    const compressed = gzipSync(bytes)
    response.writeHead(200, { 'Content-Encoding': 'gzip' })
    for (let start = 0; start < compressed.length; start += 10_000) {
      response.write(compressed.subarray(start, start + 10_000))
    }
    response.end()
  }
}

/** A handler that sends no response. */
export function silence() {}

/** A response that sends the client elsewhere. */
export function redirectTo(location, status = 302) {
  return { status, headers: { Location: location }, body: 'moved' }
}
