'use strict'

// The entry point `lib/http-request/user-agent`.

const {
  buildUserAgent,
  chainUserAgents,
  getSocketCallerUserAgent,
  sanitizeUserAgent,
} = require('../index.js')

module.exports = { buildUserAgent, chainUserAgents, getSocketCallerUserAgent, sanitizeUserAgent }
