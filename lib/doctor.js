'use strict'

// The entry point `lib/doctor`.

/**
 * Reports what requests use on this machine. Loads the rest when called, and never rejects: a
 * process without the addon gets the reason.
 */
async function doctor(url, options) {
  const { diagnose } = require('./diagnosis.js')
  return diagnose(url, options)
}

module.exports = { doctor }
