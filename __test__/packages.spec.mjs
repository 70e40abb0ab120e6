// What is published: manifests and versions. Whether it works is consumers.spec.mjs.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  mainManifest,
  platformManifest,
  platformReadme,
  releasedChangelog,
} from '../scripts/manifest.mjs'

const { TARGETS } = createRequire(import.meta.url)('../lib/target.js')
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (name) => readFileSync(join(ROOT, name), 'utf8')
const manifest = JSON.parse(read('package.json'))

describe('one version', () => {
  test('in all files that have one', () => {
    const { version } = manifest
    assert.equal(JSON.parse(read('package-lock.json')).version, version)
    assert.equal(read('Cargo.toml').match(/^version = "(.*)"$/m)[1], version)
    assert.equal(
      read('Cargo.lock').match(/name = "socketsecurity-registry"\nversion = "(.*)"/)[1],
      version,
    )
    assert.ok(read('CHANGELOG.md').includes(`\n## [${version}]`))
  })

  test('the files of npm/ are those that a bump writes', () => {
    for (const target of TARGETS) {
      assert.deepEqual(
        JSON.parse(read(`npm/${target}/package.json`)),
        platformManifest(manifest, target),
      )
      assert.equal(read(`npm/${target}/README.md`), platformReadme(manifest, target))
    }
  })

  test('a release gets a heading of its own in the changelog, below the one for what comes', () => {
    const changelog = '# Changelog\n\n## [Unreleased]\n\n- Something\n'
    assert.equal(
      releasedChangelog(changelog, '1.2.3', '2030-01-02'),
      '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2030-01-02\n\n- Something\n',
    )
    assert.throws(() => releasedChangelog('# Changelog\n', '1.2.3', '2030-01-02'), /Unreleased/)
  })
})

describe('the main package', () => {
  const published = mainManifest(manifest, TARGETS)

  test('depends on every platform at exactly its own version, and on nothing else', () => {
    const expected = TARGETS.map((target) => [`${manifest.name}-${target}`, manifest.version])
    assert.deepEqual(published.optionalDependencies, Object.fromEntries(expected))
    assert.equal(published.dependencies, undefined)
  })

  test('has no scripts, nothing for developers, and a list of files', () => {
    for (const key of Object.keys(published)) {
      assert.doesNotMatch(key, /^(scripts|devDependencies|overrides|napi|\/\/.*)$/)
    }
    assert.ok(Array.isArray(published.files))
    assert.deepEqual(published.exports, manifest.exports)
  })
})

describe('the package of a platform', () => {
  test('says where it belongs, in the words of npm', () => {
    const { os, cpu, libc } = platformManifest(manifest, 'linux-arm64-gnu')
    assert.deepEqual([os, cpu, libc], [['linux'], ['arm64'], ['glibc']])
    assert.deepEqual(platformManifest(manifest, 'linux-x64-musl').libc, ['musl'])
    assert.equal(platformManifest(manifest, 'win32-x64-msvc').libc, undefined)
  })
})
