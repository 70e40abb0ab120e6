'use strict'

// The entry point `lib/http-request/checksum-file`.

const { fetchChecksumFile, parseChecksumFile } = require('../index.js')

module.exports = { fetchChecksumFile, parseChecksumFile }
