'use strict'

// The entry point `lib/http-client`.

const { HttpClient } = require('./index.js')

module.exports = { HttpClient }
