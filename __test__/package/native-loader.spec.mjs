import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from '../helpers/support.mjs'

const require = createRequire(import.meta.url)
const { TARGETS, libcOf, notLoaded, targetsOf } = require('../../lib/target.js')
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

describe('which addon', () => {
  test('that of the libc of this process first, the other one after it', () => {
    const linux = { platform: 'linux', arch: 'arm64' }
    assert.deepEqual(targetsOf({ ...linux, libc: 'gnu' }), ['linux-arm64-gnu', 'linux-arm64-musl'])
    assert.deepEqual(targetsOf({ ...linux, libc: 'musl' }), ['linux-arm64-musl', 'linux-arm64-gnu'])
    assert.deepEqual(targetsOf({ platform: 'win32', arch: 'x64' }), ['win32-x64-msvc'])
    assert.deepEqual(targetsOf({ platform: 'darwin', arch: 'arm64' }), ['darwin-arm64'])
  })

  test('none for a platform without one', () => {
    assert.deepEqual(targetsOf({ platform: 'freebsd', arch: 'x64' }), [])
    assert.deepEqual(targetsOf({ platform: 'linux', arch: 'arm', libc: 'gnu' }), [])
    assert.deepEqual(targetsOf({ platform: 'linux', arch: 'x', libc: 'gnu' }), [])
  })

  test('the files that are mapped tell the libc', () => {
    const mapped = (file) =>
      `7f80 r-xp 00028000 fe:00 1234    ${file}\n7ffc rw-p 0 00:00 0 [stack]\n`
    assert.equal(libcOf(mapped('/usr/lib/x86_64-linux-gnu/libc.so.6')), 'gnu')
    assert.equal(libcOf(mapped('/lib64/libc-2.17.so')), 'gnu')
    assert.equal(libcOf(mapped('/lib/ld-musl-x86_64.so.1')), 'musl')
    assert.equal(libcOf(mapped('/usr/lib/x86_64-linux-musl/libc.so')), 'musl')
    assert.equal(libcOf(''), 'gnu')
  })

  test('every target has a package, and the loader knows it', () => {
    const loader = readFileSync(join(ROOT, 'lib/native.js'), 'utf8')
    assert.deepEqual(readdirSync(join(ROOT, 'npm')).sort(), TARGETS)
    for (const target of TARGETS) {
      const { name, main } = JSON.parse(
        readFileSync(join(ROOT, `npm/${target}/package.json`), 'utf8'),
      )
      assert.equal(name, `@socketsecurity/registry-${target}`)
      assert.equal(main, `registry.${target}.node`)
      assert.ok(loader.includes(`'${target}': () => require('${name}')`), target)
    }
  })
})

describe('what a person reads when there is none', () => {
  test('the platform, what was looked for, why it was not taken, and what helps', () => {
    const system = { platform: 'linux', arch: 'x64', libc: 'musl' }
    const message = notLoaded(system, '1.2.3', [
      ['@socketsecurity/registry-linux-x64-musl', 'not installed'],
    ])
    assert.match(message, /on linux x64 \(musl\)/)
    assert.match(message, /registry-linux-x64-musl: not installed/)
    assert.match(message, /npm install @socketsecurity\/registry-linux-x64-musl@1\.2\.3/)
    assert.match(message, /--omit=optional/)
  })

  test('how to build it, where none is published', () => {
    const message = notLoaded({ platform: 'freebsd', arch: 'x64' }, '1.2.3', [])
    assert.match(message, /on freebsd x64\./)
    assert.match(message, /no prebuilt addon/)
    assert.match(message, /docs\/building\.md/)
  })
})

// The package as it is installed, with packages beside it that say who they are instead of being addons.
describe('loading', {
  skip: process.platform !== 'linux' && 'the packages are those of Linux',
}, () => {
  const libc = process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'
  const [own, other] = targetsOf({ ...process, platform: 'linux', arch: process.arch, libc })

  function installed(t, packages) {
    const directory = temporaryDirectory(t)
    const modules = join(directory, 'node_modules/@socketsecurity')
    cpSync(join(ROOT, 'lib'), join(modules, 'registry/lib'), { recursive: true })
    cpSync(join(ROOT, 'package.json'), join(modules, 'registry/package.json'))
    for (const [target, code] of Object.entries(packages)) {
      const place = join(modules, `registry-${target}`)
      mkdirSync(place)
      writeFileSync(join(place, 'index.js'), code)
    }
    return directory
  }

  function loaded(directory, env = {}) {
    const code = "console.log(require('@socketsecurity/registry/lib/native.js'))"
    const options = {
      cwd: directory,
      encoding: 'utf8',
      env: { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: '', ...env },
    }
    // Past `exports`: the loader is no entry point.
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['-e', code.replace('@socketsecurity', './node_modules/@socketsecurity')],
      options,
    )
    return stdout.trim() || stderr
  }

  const says = (who) => `module.exports = '${who}'`
  const fails = "throw new Error('GLIBC_2.99 not found')"

  test('takes the package of its libc', (t) => {
    assert.equal(loaded(installed(t, { [own]: says('own'), [other]: says('other') })), 'own')
  })

  test('takes the other one when its own is missing, or cannot be loaded', (t) => {
    assert.equal(loaded(installed(t, { [other]: says('other') })), 'other')
    assert.equal(loaded(installed(t, { [own]: fails, [other]: says('other') })), 'other')
  })

  test('is not fooled by a program called ldd', (t) => {
    const directory = installed(t, { [own]: says('own'), [other]: says('other') })
    writeFileSync(join(directory, 'ldd'), '#!/bin/sh\necho musl libc; echo GNU libc\n', {
      mode: 0o755,
    })
    assert.equal(loaded(directory, { PATH: `${directory}:${process.env.PATH}` }), 'own')
  })

  test('says which one was there and why it was not taken', (t) => {
    const said = loaded(installed(t, { [own]: fails }))
    assert.match(said, new RegExp(`registry-${own}: GLIBC_2\\.99 not found`))
    assert.match(said, new RegExp(`registry-${other}: not installed`))
    assert.match(said, /code: 'ERR_ADDON_NOT_LOADED'/)
    assert.match(said, /cause.*GLIBC_2\.99 not found/)
  })

  test('a package without its addon is not called missing', (t) => {
    const said = loaded(installed(t, { [own]: "require('./registry.node')" }))
    assert.match(said, new RegExp(`registry-${own}: Cannot find module './registry\\.node'`))
  })

  test('a build of the checkout comes before packages', (t) => {
    const directory = installed(t, { [own]: says('own') })
    const place = join(directory, `node_modules/@socketsecurity/registry/registry.${own}.node`)
    writeFileSync(place, 'no addon')
    // It was tried, and is none.
    assert.equal(loaded(directory), 'own')
    cpSync(join(ROOT, `registry.${own}.node`), place)
    assert.match(loaded(directory), /httpRequest: \[Function/)
  })

  test('the file of the variable, and no other', (t) => {
    const directory = installed(t, { [own]: says('own') })
    const file = join(ROOT, `registry.${own}.node`)
    assert.match(
      loaded(directory, { NAPI_RS_NATIVE_LIBRARY_PATH: file }),
      /httpRequest: \[Function/,
    )
    assert.match(
      loaded(directory, { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere.node' }),
      /nowhere\.node/,
    )
  })
})
