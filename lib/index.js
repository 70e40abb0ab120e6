'use strict'

const native = require('./native.js')
const scripts = require('./scripts.js')

native.install(scripts)

const { HttpResponseError, collect } = scripts
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

/** The addon reads no arguments of any number. */
function chainUserAgents(...agents) {
  return native.chainUserAgents(agents.flat())
}

/** The addon reads no streams. */
async function readIncomingResponse(message) {
  return native.readIncomingResponse(message, await collect(message))
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
