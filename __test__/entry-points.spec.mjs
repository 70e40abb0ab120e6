import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const require = createRequire(import.meta.url)
const gets = ['httpGetJson', 'httpGetText']
const requests = ['httpRequest', 'httpJson', 'httpText', ...gets, 'HttpResponseError']
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
const http = [...requests, 'httpDownload', ...Object.values(helpers).flat()]
const types = ['request-types', 'response-types', 'download-types'].map((name) => [name, []])
const modules = Object.entries({ node: http, request: requests, download: ['httpDownload'] })

const entries = [
  ['@socketsecurity/registry', [...http, 'downloadWithLock']],
  ['@socketsecurity/registry/lib/http-request', http],
  ['@socketsecurity/registry/lib/download-lock', ['downloadWithLock']],
  ...[...modules, ...types, ...Object.entries(helpers)].map(([name, names]) => [
    `@socketsecurity/registry/lib/http-request/${name}`,
    names,
  ]),
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
  for (const [entry] of entries.map(([name]) => [name.replace('@socketsecurity/registry', '.')])) {
    assert.ok(existsSync(join(dirname(manifest), exports[entry].types)), `types of ${entry}`)
  }
})

test('nothing else of the package can be reached', () => {
  assert.throws(() => require('@socketsecurity/registry/lib/no-such-entry'), {
    code: 'ERR_PACKAGE_PATH_NOT_EXPORTED',
  })
})
