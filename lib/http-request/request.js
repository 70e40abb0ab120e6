'use strict'

// The entry point `lib/http-request/request`.

module.exports = require('../http-request.js')
