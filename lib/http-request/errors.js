'use strict'

// The entry point `lib/http-request/errors`.

const { enrichErrorMessage } = require('../index.js')

module.exports = { enrichErrorMessage }
