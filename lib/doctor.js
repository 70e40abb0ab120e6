'use strict'

/**
 * Finds out what this package works with on this machine. Loads the rest when called, and never
 * rejects: also a process without the addon learns why it has none.
 */
async function doctor(url, options) {
  const { diagnose } = require('./diagnosis.js')
  return diagnose(url, options)
}

module.exports = { doctor }
