'use strict'

// The entry point `lib/http-request`.

const {
  HttpResponseError,
  basicAuthHeader,
  buildUserAgent,
  chainUserAgents,
  decodeBody,
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
} = require('./index.js')

module.exports = {
  HttpResponseError,
  basicAuthHeader,
  buildUserAgent,
  chainUserAgents,
  decodeBody,
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
