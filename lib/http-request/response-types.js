'use strict'

// The entry point `lib/http-request/response-types`.

module.exports = require('../http-request.js')
