'use strict'

const {
  HttpResponseError,
  httpDownload,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
  httpText,
} = require('./index.js')

module.exports = {
  HttpResponseError,
  httpDownload,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
  httpText,
}
