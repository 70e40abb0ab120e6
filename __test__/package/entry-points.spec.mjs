import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const require = createRequire(import.meta.url)
const requests = ['httpRequest', 'httpDownload', 'httpGetJson', 'httpGetText']
const requestsToo = ['httpJson', 'httpText', 'HttpResponseError']
const helpers = {
  'checksum-file': ['fetchChecksumFile', 'parseChecksumFile'],
  headers: ['parseRetryAfterHeader', 'sanitizeHeaders', 'isSensitiveHeaderName', 'basicAuthHeader'],
  errors: ['enrichErrorMessage'],
  'response-reader': ['readIncomingResponse', 'decodeBody'],
  'user-agent': [
    'buildUserAgent',
    'chainUserAgents',
    'sanitizeUserAgent',
    'getSocketCallerUserAgent',
  ],
}
const cacache = ['get', 'put', 'safeGet', 'remove', 'clear', 'withTmp']
const metrics = ['getMetrics', 'resetMetrics', 'metricsToPrometheus', 'getErrors', 'flushMetrics']
const doctor = ['doctor']
const http = [...requests, ...requestsToo, ...Object.values(helpers).flat()]
/** Older names of the modules. */
const aliases = ['node', 'request', 'download', 'response-types', 'request-types', 'download-types']

const ROOT = '@socketsecurity/registry'
const entries = [
  [
    ROOT,
    [...http, ...cacache, ...metrics, ...doctor, 'downloadWithLock', 'warmCache', 'HttpClient'],
  ],
  [`${ROOT}/lib/http-request`, http],
  ...aliases.map((alias) => [`${ROOT}/lib/http-request/${alias}`, http]),
  ...Object.entries(helpers).map(([name, names]) => [`${ROOT}/lib/http-request/${name}`, names]),
  [`${ROOT}/lib/download-lock`, ['downloadWithLock', 'warmCache']],
  [`${ROOT}/lib/http-client`, ['HttpClient']],
  [`${ROOT}/lib/cacache`, cacache],
  [`${ROOT}/lib/metrics`, metrics],
  [`${ROOT}/lib/doctor`, doctor],
]

for (const [entry, names] of entries) {
  test(`${entry} gives its functions to require`, () => {
    const exported = require(entry)
    for (const name of names) {
      assert.equal(typeof exported[name], 'function', name)
    }
  })

  test(`${entry} gives its functions to import, by name`, async () => {
    const exported = await import(entry)
    for (const name of names) {
      assert.equal(typeof exported[name], 'function', name)
    }
  })

  test(`${entry} gives import and require the same functions`, async () => {
    const imported = await import(entry)
    const required = require(entry)
    for (const name of names) {
      assert.equal(imported[name], required[name], name)
    }
  })
}

test('a function is the same at every entry that has it', () => {
  const root = require('@socketsecurity/registry')
  for (const [entry, names] of entries) {
    for (const name of names) {
      assert.equal(require(entry)[name], root[name], `${name} of ${entry}`)
    }
  }
})

test('every entry has types', () => {
  const manifest = require.resolve('@socketsecurity/registry/package.json')
  const { exports } = require(manifest)
  for (const [entry] of entries) {
    const { types } = exports[entry.replace(ROOT, '.')]
    assert.ok(existsSync(join(dirname(manifest), types)), `types of ${entry}`)
  }
})

test('a module of helpers has nothing else', () => {
  for (const [name, names] of Object.entries(helpers)) {
    const exported = require(`${ROOT}/lib/http-request/${name}`)
    assert.deepEqual(Object.keys(exported).sort(), [...names].sort(), name)
  }
})

test('every entry of the manifest is known here', () => {
  const { exports } = require(`${ROOT}/package.json`)
  const known = entries.map(([entry]) => entry.replace(ROOT, '.'))
  assert.deepEqual(Object.keys(exports).sort(), [...known, './package.json'].sort())
})

test('nothing else of the package can be reached', () => {
  assert.throws(() => require('@socketsecurity/registry/lib/no-such-entry'), {
    code: 'ERR_PACKAGE_PATH_NOT_EXPORTED',
  })
})
