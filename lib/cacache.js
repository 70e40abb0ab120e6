'use strict'

// The entry point `lib/cacache`.

const { clear, get, put, remove, safeGet, withTmp } = require('./index.js')

module.exports = { clear, get, put, remove, safeGet, withTmp }
