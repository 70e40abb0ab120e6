'use strict'

const {
  basicAuthHeader,
  isSensitiveHeaderName,
  parseRetryAfterHeader,
  sanitizeHeaders,
} = require('../index.js')

module.exports = { basicAuthHeader, isSensitiveHeaderName, parseRetryAfterHeader, sanitizeHeaders }
