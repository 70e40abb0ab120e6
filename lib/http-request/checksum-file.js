'use strict'

const { fetchChecksumFile, parseChecksumFile } = require('../index.js')

module.exports = { fetchChecksumFile, parseChecksumFile }
