'use strict'

const { enrichErrorMessage } = require('../index.js')

module.exports = { enrichErrorMessage }
