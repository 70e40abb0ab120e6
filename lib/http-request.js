'use strict'

const { httpDownload, httpGetJson, httpGetText, httpRequest } = require('../index.js')

module.exports = { httpDownload, httpGetJson, httpGetText, httpRequest }
