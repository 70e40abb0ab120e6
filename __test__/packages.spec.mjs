// What is published, and its version. Whether it works is consumers.spec.mjs.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { mainManifest, platformManifest, platformReadme } from '../scripts/manifest.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const { TARGETS } = createRequire(import.meta.url)('../lib/target.js')
const read = (path) => readFileSync(`${ROOT}${path}`, 'utf8')
const manifest = JSON.parse(read('package.json'))

describe('the main package', () => {
  const published = mainManifest(manifest, TARGETS)

  test('depends on every platform at exactly its own version, and on nothing else', () => {
    const expected = TARGETS.map((target) => [`${manifest.name}-${target}`, manifest.version])
    assert.equal(expected.length, 8)
    assert.deepEqual(published.optionalDependencies, Object.fromEntries(expected))
    assert.equal(published.dependencies, undefined)
    assert.equal(published.peerDependencies, undefined)
  })

  test('has no scripts, nothing for developers, and a list of files', () => {
    const keys = Object.keys(published)
    assert.deepEqual(
      keys.filter((key) => /^(scripts|devDependencies|overrides|napi|\/\/.*)$/.test(key)),
      [],
    )
    assert.deepEqual(published.files, [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'index.d.ts',
      'lib',
    ])
    assert.deepEqual(published.exports, manifest.exports)
  })
})

describe('the package of a platform', () => {
  test('says where it belongs, in the words of npm', () => {
    const { os, cpu, libc } = platformManifest(manifest, 'linux-arm64-gnu')
    assert.deepEqual({ os, cpu, libc }, { os: ['linux'], cpu: ['arm64'], libc: ['glibc'] })
    assert.deepEqual(platformManifest(manifest, 'linux-x64-musl').libc, ['musl'])
    assert.deepEqual(platformManifest(manifest, 'win32-x64-msvc').os, ['win32'])
    assert.equal(platformManifest(manifest, 'win32-x64-msvc').libc, undefined)
  })

  test('has no scripts and no dependencies', () => {
    for (const key of Object.keys(platformManifest(manifest, 'darwin-x64'))) {
      assert.doesNotMatch(key, /script|depend/i)
    }
  })

  test('is what a bump writes', () => {
    for (const target of TARGETS) {
      assert.deepEqual(
        JSON.parse(read(`npm/${target}/package.json`)),
        platformManifest(manifest, target),
      )
      assert.equal(read(`npm/${target}/README.md`), platformReadme(manifest, target))
    }
  })
})
