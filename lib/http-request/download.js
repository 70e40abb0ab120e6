'use strict'

const { httpDownload } = require('../index.js')

module.exports = { httpDownload }
