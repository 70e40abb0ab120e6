'use strict'

const {
  buildUserAgent,
  chainUserAgents,
  getSocketCallerUserAgent,
  sanitizeUserAgent,
} = require('../index.js')

module.exports = { buildUserAgent, chainUserAgents, getSocketCallerUserAgent, sanitizeUserAgent }
