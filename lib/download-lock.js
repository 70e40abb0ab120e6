'use strict'

const { downloadWithLock, warmCache } = require('./index.js')

module.exports = { downloadWithLock, warmCache }
