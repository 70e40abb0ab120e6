'use strict'

// The entry point `lib/http-request/download-types`.

module.exports = require('../http-request.js')
