'use strict'

const { HttpClient } = require('./index.js')

module.exports = { HttpClient }
