import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const require = createRequire(import.meta.url)
const requests = ['httpRequest', 'httpDownload', 'httpGetJson', 'httpGetText']

const entries = [
  ['@socketsecurity/registry', [...requests, 'downloadWithLock']],
  ['@socketsecurity/registry/lib/http-request', requests],
  ['@socketsecurity/registry/lib/download-lock', ['downloadWithLock']],
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
  for (const entry of ['.', './lib/http-request', './lib/download-lock']) {
    assert.ok(existsSync(join(dirname(manifest), exports[entry].types)), `types of ${entry}`)
  }
})

test('nothing else of the package can be reached', () => {
  assert.throws(() => require('@socketsecurity/registry/lib/no-such-entry'), {
    code: 'ERR_PACKAGE_PATH_NOT_EXPORTED',
  })
})
