'use strict'

// socket-registry metrics

const { fileOf, UsageError } = require('./arguments.js')
const { asJson } = require('./results.js')

async function run({ values, positionals: [file], proc }) {
  if (values.prometheus && values.json) {
    throw new UsageError('--prometheus and --json exclude each other.')
  }
  const { describeMetrics, sumMetricsFile } = require('../metrics-file.js')
  const sum = sumMetricsFile(fileOf(file))
  const { prometheus, ...rest } = sum
  if (values.prometheus) proc.stdout.write(prometheus)
  else proc.stdout.write(values.json ? asJson(rest) : describeMetrics(sum))
  return true
}

module.exports = { run }
