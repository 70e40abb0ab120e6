// Contents and versions of the published packages. consumers.spec.mjs tests whether they work.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { changesOf, released } from '../../scripts/changelog.mjs'
import { mainManifest, platformManifest, platformReadme } from '../../scripts/manifest.mjs'
import { checkNext, VERSIONED, versionsIn, withVersion } from '../../scripts/versions.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const { TARGETS } = createRequire(import.meta.url)('../../lib/target.js')
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
    assert.deepEqual(published.files, ['CHANGELOG.md', 'LICENSE', 'README.md', 'index.d.ts', 'lib'])
    assert.deepEqual(published.exports, manifest.exports)
    assert.deepEqual(published.bin, manifest.bin)
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
      assert.doesNotMatch(key, /^scripts$|dependencies$/i)
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

describe('one version', () => {
  const files = Object.fromEntries(
    [...VERSIONED, ...TARGETS.map((target) => `npm/${target}/package.json`)].map((path) => [
      path,
      read(path),
    ]),
  )

  test('in every file that has one, and in the changelog', () => {
    for (const [path, version] of versionsIn(files)) assert.equal(version, manifest.version, path)
    assert.ok(changesOf(read('CHANGELOG.md'), manifest.version))
  })

  test('a bump changes it everywhere, and nothing else', () => {
    const changed = withVersion(files, '97.98.99-beta.1')
    for (const [path, version] of versionsIn(changed)) {
      assert.equal(version, '97.98.99-beta.1', path)
    }
    assert.deepEqual(withVersion(changed, manifest.version), files)
    // Two in package-lock.json, four in docs/many-machines.md.
    assert.equal(versionsIn(files).length, VERSIONED.length + 1 + 3 + TARGETS.length)
  })

  test('a file that lost its version is refused', () => {
    assert.throws(() => withVersion({ 'Cargo.toml': '[package]\n' }, '1.0.0'), /Cargo\.toml/)
  })

  test('only a greater one can follow', () => {
    checkNext('1.2.3', '1.2.4')
    checkNext('1.2.3', '2.0.0-beta.1')
    checkNext('2.0.0-beta.1', '2.0.0-beta.2')
    checkNext('2.0.0-beta.2', '2.0.0')
    for (const wanted of ['1.2.3', '1.2.2', '1.2.3-beta.1']) {
      assert.throws(() => checkNext('1.2.3', wanted), /not greater/)
    }
    for (const wanted of ['1', '1.3', 'v1.2.4', ' 1.2.4', '1.2.04', 'next']) {
      assert.throws(() => checkNext('1.2.3', wanted), /no version/, wanted)
    }
    assert.throws(() => checkNext('1.2.3', undefined), /Say which/)
  })
})

describe('the changelog', () => {
  const changelog = '# Changelog\n\n## [Unreleased]\n\n- New\n\n## [0.1.0]\n\n- Old\n'

  test('a release gets a heading, with its date, below the one for what comes', () => {
    assert.equal(
      released(changelog, '1.2.3', '2030-01-02'),
      '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2030-01-02\n\n- New\n\n## [0.1.0]\n\n- Old\n',
    )
  })

  test('nothing new is no release', () => {
    const empty = released(changelog, '1.2.3', '2030-01-02')
    assert.throws(() => released(empty, '1.2.4', '2030-01-03'), /nothing to release/)
    assert.throws(() => released('# Changelog\n', '1.2.3', '2030-01-02'), /Unreleased/)
  })

  test('what a version changed', () => {
    const two = released(changelog, '1.2.3', '2030-01-02')
    assert.equal(changesOf(two, '1.2.3'), '- New')
    assert.equal(changesOf(two, '0.1.0'), '- Old')
    assert.equal(changesOf(two, '9.9.9'), undefined)
  })
})
