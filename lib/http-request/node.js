'use strict'

// The entry point `lib/http-request/node`.

module.exports = require('../http-request.js')
