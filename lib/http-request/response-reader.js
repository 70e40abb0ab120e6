'use strict'

// The entry point `lib/http-request/response-reader`.

const { decodeBody, readIncomingResponse } = require('../index.js')

module.exports = { decodeBody, readIncomingResponse }
