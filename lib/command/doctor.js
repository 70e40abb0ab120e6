'use strict'

// socket-registry doctor

const { asJson } = require('./results.js')

async function run({ values, positionals: [url], proc }) {
  const { doctor } = require('../doctor.js')
  const report = await doctor(url)
  proc.stdout.write(values.json ? asJson(report) : `${describe(report).join('\n')}\n`)
  return Object.values(report).every((part) => part?.ok !== false)
}

/** The report as indented text: each part with what was found in it. */
function describe(value, indent = '') {
  return Object.entries(value).flatMap(([name, each]) => {
    if (each === undefined) return []
    if (typeof each !== 'object' || each === null) return [`${indent}${name}: ${each}`]
    const { ok, ...found } = each
    const state = ok === undefined ? '' : ok ? ' ok' : ' NOT OK'
    return [
      `${indent}${name}:${state}`,
      ...describe(Array.isArray(each) ? each : found, `${indent}  `),
    ]
  })
}

module.exports = { run }
