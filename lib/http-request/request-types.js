'use strict'

// The entry point `lib/http-request/request-types`.

module.exports = require('../http-request.js')
