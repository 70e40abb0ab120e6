'use strict'

// The entry point `lib/http-request/headers`.

const {
  basicAuthHeader,
  isSensitiveHeaderName,
  parseRetryAfterHeader,
  sanitizeHeaders,
} = require('../index.js')

module.exports = { basicAuthHeader, isSensitiveHeaderName, parseRetryAfterHeader, sanitizeHeaders }
