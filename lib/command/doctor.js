'use strict'

// socket-registry doctor

const { asJson } = require('./results.js')

async function run({ values, positionals: [url], proc }) {
  const { doctor } = require('../doctor.js')
  const report = await doctor(url)
  proc.stdout.write(values.json ? asJson(report) : `${report}\n`)
  return Object.values(report).every(({ ok }) => ok)
}

module.exports = { run }
