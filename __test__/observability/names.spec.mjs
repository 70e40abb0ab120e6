// One list of names: what is counted, its types and its documentation.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { getMetrics, httpRequest } from '@socketsecurity/registry'
import { metricsIn, withMetrics } from '../../scripts/metrics-tables.mjs'
import { membersIn } from '../../scripts/option-tables.mjs'
import { require, startServer } from './server.mjs'

const read = (name) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
const types = membersIn(read('index.d.ts'))
const table = require('../../lib/native.js').metricsTable()

/** The paths of an object's numbers. */
function paths(value, prefix = '') {
  return Object.entries(value).flatMap(([name, member]) => {
    const path = `${prefix}${name}`
    return typeof member === 'object' ? paths(member, `${path}.`) : [path]
  })
}

const DURATION = ['count', 'sum', 'min', 'max', 'p50', 'p90', 'p99']

test('the object has the numbers of the list, and no others', async (t) => {
  const { url, host } = await startServer(t)
  await httpRequest(url)
  const metrics = getMetrics()
  metrics.hosts = { '<host>': metrics.hosts[host] }
  const listed = table.flatMap(({ path, unit }) =>
    unit === 'ms' ? DURATION.map((name) => `${path}.${name}`) : [path],
  )
  assert.deepEqual(paths(metrics).sort(), listed.sort())
})

test('the types have the members of the object', () => {
  const { since: _, ...groups } = getMetrics()
  assert.deepEqual(types.get('Metrics').sort(), ['since', ...Object.keys(groups)].sort())
  for (const [group, type] of [
    ['requests', 'RequestMetrics'],
    ['downloads', 'DownloadMetrics'],
    ['locks', 'LockMetrics'],
    ['cache', 'CacheMetrics'],
    ['connections', 'ConnectionMetrics'],
  ]) {
    assert.deepEqual(types.get(type).sort(), Object.keys(groups[group]).sort(), type)
  }
  assert.deepEqual(types.get('DurationMetrics').sort(), [...DURATION].sort())
})

test('the documentation has every number of the list', () => {
  const page = read('docs/observability.md')
  assert.equal(withMetrics(page, table), page, 'run `npm run reference`')
  assert.deepEqual(metricsIn(page).sort(), table.map(({ path }) => path).sort())
})

test('each field of the metrics of a client is documented', () => {
  const page = read('docs/observability.md')
  for (const name of types.get('HttpClientMetrics')) {
    assert.ok(page.includes(`| \`${name}\` |`), name)
  }
})
