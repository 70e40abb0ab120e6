'use strict'

// The entry point `lib/metrics`.

const {
  flushMetrics,
  getErrors,
  getMetrics,
  metricsToPrometheus,
  resetMetrics,
} = require('./index.js')

module.exports = { flushMetrics, getErrors, getMetrics, metricsToPrometheus, resetMetrics }
