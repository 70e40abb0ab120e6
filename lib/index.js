'use strict'

// The entry point of the package: everything it exports.

const native = require('./native.js')
const support = require('./js-support.js')
const { isDownloadTraced } = require('./channels.js')
const { doctor } = require('./doctor.js')

native.register(support)

const { HttpResponseError, collect, debug, metricsFile } = support
const {
  HttpClient,
  basicAuthHeader,
  buildUserAgent,
  clear,
  decodeBody,
  enrichErrorMessage,
  fetchChecksumFile,
  get,
  getErrors,
  getMetrics,
  getSocketCallerUserAgent,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
  httpText,
  isSensitiveHeaderName,
  metricsToPrometheus,
  parseChecksumFile,
  parseRetryAfterHeader,
  put,
  remove,
  resetMetrics,
  safeGet,
  sanitizeHeaders,
  sanitizeUserAgent,
} = native

const httpDownload = traced(native.httpDownload)
const downloadWithLock = traced(native.downloadWithLock)
HttpClient.prototype.download = traced(HttpClient.prototype.download)
HttpClient.prototype.downloadWithLock = traced(HttpClient.prototype.downloadWithLock)

/** A download that is published to `socket-registry:download` if anybody has subscribed. */
function traced(download) {
  function call(url, destPath, options, ...more) {
    if (!isDownloadTraced()) return download.call(this, url, destPath, options, ...more)
    const { tracingChannel } = require('node:diagnostics_channel')
    const context = { url: shown(url), destPath }
    const start = () => download.call(this, url, destPath, options, ...more)
    return tracingChannel('socket-registry:download').tracePromise(start, context)
  }
  const { name, length } = download
  return Object.defineProperties(call, { name: { value: name }, length: { value: length } })
}

/** Returns the URL as it may be shown, or `undefined` for a value that the download will refuse. */
function shown(url) {
  try {
    return native.shownUrl(String(url))
  } catch {
    return undefined
  }
}

/**
 * Reads the variable itself, so that no other call has to. Never throws: metrics must not break a
 * program.
 */
function flushMetrics() {
  const file = metricsFile()
  if (!file) return false
  try {
    return native.appendMetrics(file)
  } catch (error) {
    debug(error.message)
    return false
  }
}

/** Passes the arguments as one array: the addon does not read rest parameters. */
function chainUserAgents(...agents) {
  return native.chainUserAgents(agents.flat())
}

/** Reads the stream, which the addon cannot do. */
async function readIncomingResponse(message, options) {
  const chunks = await collect(message, options, native.encodedResponseMax(options))
  const response = await native.readIncomingResponse(message, options, chunks)
  response.rawResponse = message
  return response
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
  return require('./warm.js').warmCache(entries, options, traced(native.downloadWithSharedRate))
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
  doctor,
  downloadWithLock,
  enrichErrorMessage,
  fetchChecksumFile,
  flushMetrics,
  get,
  getErrors,
  getMetrics,
  getSocketCallerUserAgent,
  httpDownload,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
  httpText,
  isSensitiveHeaderName,
  metricsToPrometheus,
  parseChecksumFile,
  parseRetryAfterHeader,
  put,
  readIncomingResponse,
  remove,
  resetMetrics,
  safeGet,
  sanitizeHeaders,
  sanitizeUserAgent,
  warmCache,
  withTmp,
}
