'use strict'

module.exports = require('../http-request.js')
