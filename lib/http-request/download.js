'use strict'

// The entry point `lib/http-request/download`.

module.exports = require('../http-request.js')
