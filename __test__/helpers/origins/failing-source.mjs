// The first source of a download, failing in one of the ways in which sources fail.

import { createServer } from 'node:net'
import { redirectTo, silence, startOrigin } from './http-origin.mjs'
import { brokenOff } from './resume-origin.mjs'

/** A port at which nobody listens. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

const status = (status, headers = {}) => ({ status, headers, body: `status ${status}` })

/** Sends the head and some bytes of a file, and then nothing more. */
const stalled = (share) => (file) => (_request, response) => {
  const { body, validators } = file
  response.writeHead(200, { 'Content-Length': body.length, ...validators })
  response.flushHeaders()
  response.write(body.subarray(0, Math.floor(body.length * share)))
}

/** Sends a few bytes, each by itself, and then nothing more. */
const slow = (file) => async (_request, response) => {
  response.writeHead(200, { 'Content-Length': file.body.length, ...file.validators })
  for (let at = 0; at < 5; at += 1) {
    response.write(file.body.subarray(at, at + 1))
    await new Promise((resolve) => setTimeout(resolve, 20).unref())
  }
}

const reset = () => (_request, response) => response.socket.resetAndDestroy()
const short = (file) => brokenOff(file, Math.floor(file.body.length / 2))
const other = (file) => ({ headers: file.validators, body: Buffer.alloc(file.body.length, 'x') })

/**
 * Each way: the code of its error, whether that lasts (then it is not retried while another source
 * is left), what the server does, and how many requests one attempt makes. `replaces`: whether it
 * begins to send, so that a part that is there is given up.
 *
 * @type {Record<string, { code: string | RegExp, lasts: boolean, script?: (file: object) => object,
 *   secure?: boolean, requests?: number, replaces?: boolean, needsDigest?: boolean }>}
 */
export const failures = {
  'refuses connections': { code: 'ECONNREFUSED', lasts: false },
  'has a name that does not exist': { code: /^(ENOTFOUND|EAI_AGAIN)$/, lasts: true },
  'has a certificate that nobody trusts': {
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    lasts: true,
    script: () => status(200),
    secure: true,
    requests: 0,
  },
  'responds with 404': { code: 'ERR_HTTP_STATUS', lasts: true, script: () => status(404) },
  'responds with 403': { code: 'ERR_HTTP_STATUS', lasts: true, script: () => status(403) },
  'responds with 503': { code: 'ERR_HTTP_STATUS', lasts: false, script: () => status(503) },
  'responds with 503 and Retry-After': {
    code: 'ERR_HTTP_STATUS',
    lasts: false,
    script: () => status(503, { 'Retry-After': '0' }),
  },
  'resets the connection': { code: 'ECONNRESET', lasts: false, script: reset },
  'says nothing': { code: 'ERR_TIMEOUT', lasts: false, script: () => silence },
  'stalls at once': { code: 'ERR_TIMEOUT', lasts: false, script: stalled(0), replaces: true },
  'stalls at 50 %': { code: 'ERR_TIMEOUT', lasts: false, script: stalled(0.5), replaces: true },
  'stalls at 99 %': { code: 'ERR_TIMEOUT', lasts: false, script: stalled(0.99), replaces: true },
  'is slow, and then stalls': { code: 'ERR_TIMEOUT', lasts: false, script: slow, replaces: true },
  'sends fewer bytes than it says': {
    code: 'ERR_BODY_LENGTH',
    lasts: true,
    script: short,
    replaces: true,
  },
  'sends other bytes': {
    code: 'ERR_INTEGRITY',
    lasts: true,
    script: other,
    replaces: true,
    needsDigest: true,
  },
  'redirects without end': {
    code: 'ERR_TOO_MANY_REDIRECTS',
    lasts: true,
    script: () => redirectTo('/again'),
    requests: 6,
  },
}

/** Starts a source that fails so. Its `script` is exchanged by `become`. */
export async function startFailing(t, failure, file) {
  if (!failure.script) {
    const isNameless = failure.code instanceof RegExp
    const host = isNameless ? 'nobody-has-this-name.invalid' : `127.0.0.1:${await freePort()}`
    return { url: `http://${host}/file`, requests: [], isSilent: true }
  }
  const script = failure.script(file)
  const origin = await startOrigin(t, script, { secure: failure.secure })
  return {
    url: `${origin.url}/file`,
    requests: origin.requests,
    connections: () => origin.connections,
  }
}
