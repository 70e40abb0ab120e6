'use strict'

const native = require('../index.js')
const scripts = require('./scripts.js')

native.install(scripts)

const { HttpResponseError } = scripts
const {
  basicAuthHeader,
  buildUserAgent,
  decodeBody,
  downloadWithLock,
  enrichErrorMessage,
  fetchChecksumFile,
  getSocketCallerUserAgent,
  httpDownload,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
  httpText,
  isSensitiveHeaderName,
  parseChecksumFile,
  parseRetryAfterHeader,
  sanitizeHeaders,
  sanitizeUserAgent,
} = native

const chainUserAgents = (...hops) => native.chainUserAgents(hops)

/** Reads an answer of Node's own client. */
async function readIncomingResponse(message) {
  const { headers = {}, statusCode = 0, statusMessage } = message
  const chunks = []
  for await (const chunk of message) chunks.push(Buffer.from(chunk))
  const body = await decodeBody(Buffer.concat(chunks), headers['content-encoding'])
  return native.responseFrom(statusCode, statusMessage ?? '', headers, body)
}

// One by one: tools that read exports from the source, Node's import among them, see these.
module.exports = {
  HttpResponseError,
  basicAuthHeader,
  buildUserAgent,
  chainUserAgents,
  decodeBody,
  downloadWithLock,
  enrichErrorMessage,
  fetchChecksumFile,
  getSocketCallerUserAgent,
  httpDownload,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
  httpText,
  isSensitiveHeaderName,
  parseChecksumFile,
  parseRetryAfterHeader,
  readIncomingResponse,
  sanitizeHeaders,
  sanitizeUserAgent,
}
