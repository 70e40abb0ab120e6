'use strict'

// The entry point `lib/download-lock`.

const { downloadWithLock, warmCache } = require('./index.js')

module.exports = { downloadWithLock, warmCache }
