'use strict'

const {
  HttpResponseError,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
  httpText,
} = require('../index.js')

module.exports = { HttpResponseError, httpGetJson, httpGetText, httpJson, httpRequest, httpText }
