'use strict'

const native = require('./native.js')
const support = require('./js-support.js')

native.register(support)

const { HttpResponseError, collect } = support
const {
  HttpClient,
  basicAuthHeader,
  buildUserAgent,
  clear,
  decodeBody,
  downloadWithLock,
  enrichErrorMessage,
  fetchChecksumFile,
  get,
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
  put,
  remove,
  safeGet,
  sanitizeHeaders,
  sanitizeUserAgent,
} = native

/** Passes the arguments as one array: the addon does not read rest parameters. */
function chainUserAgents(...agents) {
  return native.chainUserAgents(agents.flat())
}

/** Reads the stream, which the addon cannot do. */
async function readIncomingResponse(message, options) {
  return native.readIncomingResponse(message, options, await collect(message, options))
}

/** Awaits the callback, which the addon cannot do. */
async function withTmp(callback) {
  if (typeof callback !== 'function') {
    const message = `The argument "callback" must be a function. Received ${typeof callback}`
    throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' })
  }
  const directory = await native.createTemporaryDirectory()
  try {
    return await callback(directory)
  } finally {
    await native.removeTemporaryDirectory(directory)
  }
}

/** Loads its module at the first call. */
async function warmCache(entries, options) {
  return require('./warm.js').warmCache(entries, options, native.downloadWithSharedRate)
}

// One by one, so that tools that read exports from the source, Node's import among them, see them.
module.exports = {
  HttpClient,
  HttpResponseError,
  basicAuthHeader,
  buildUserAgent,
  chainUserAgents,
  clear,
  decodeBody,
  downloadWithLock,
  enrichErrorMessage,
  fetchChecksumFile,
  get,
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
  put,
  readIncomingResponse,
  remove,
  safeGet,
  sanitizeHeaders,
  sanitizeUserAgent,
  warmCache,
  withTmp,
}
