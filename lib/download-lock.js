'use strict'

const { downloadWithLock } = require('./index.js')

module.exports = { downloadWithLock }
