'use strict'

const {
  flushMetrics,
  getErrors,
  getMetrics,
  metricsToPrometheus,
  resetMetrics,
} = require('./index.js')

module.exports = { flushMetrics, getErrors, getMetrics, metricsToPrometheus, resetMetrics }
