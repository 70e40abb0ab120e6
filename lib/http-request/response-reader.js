'use strict'

const { decodeBody, readIncomingResponse } = require('../index.js')

module.exports = { decodeBody, readIncomingResponse }
