'use strict'

const native = require('../index.js')
const scripts = require('./scripts.js')

native.install(scripts)

const { HttpResponseError } = scripts
const {
  downloadWithLock,
  httpDownload,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
  httpText,
} = native

// One by one: tools that read exports from the source, Node's import among them, see these.
module.exports = {
  HttpResponseError,
  downloadWithLock,
  httpDownload,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
  httpText,
}
