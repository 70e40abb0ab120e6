import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from '../helpers/support.mjs'

const require = createRequire(import.meta.url)
const { TARGETS, libcOf, targetsOf } = require('../../lib/target.js')
const { binaryOf, fileOf, notLoaded } = require('../../lib/load-failure.js')
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

  test('the libc is known by the mapped files', () => {
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
      {
        name: '@socketsecurity/registry-linux-x64-musl',
        reason: 'not installed',
        isMissing: true,
        message: '',
      },
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

describe('the advice fits the reason', () => {
  const FILE = '/app/node_modules/@socketsecurity/registry-x/registry.x.node'
  /** The header of a shared library for Linux. */
  const elf = (machine) => {
    const bytes = Buffer.alloc(64)
    bytes.writeUInt32BE(0x7f_45_4c_46)
    bytes.writeUInt16LE(machine, 18)
    return bytes
  }
  const linux = { platform: 'linux', arch: 'x64', libc: 'gnu' }
  const mac = { platform: 'darwin', arch: 'arm64' }
  const windows = { platform: 'win32', arch: 'x64' }
  const FAILED = 'ERR_DLOPEN_FAILED'

  for (const [what, system, failure, expected] of [
    [
      '--no-addons',
      linux,
      { code: 'ERR_DLOPEN_DISABLED', message: 'loading addons is disabled.' },
      /--no-addons.*leave that out/,
    ],
    [
      'the permission model',
      { ...linux, isRestricted: true },
      { code: 'ERR_DLOPEN_DISABLED', message: 'loading addons is disabled.' },
      /permission model.*--allow-addons/,
    ],
    [
      'a file that may not be read',
      { ...linux, isRestricted: true },
      { code: 'ERR_ACCESS_DENIED', message: 'Access to this API has been restricted' },
      /--allow-fs-read/,
    ],
    [
      'another processor, which Linux calls a missing file',
      linux,
      {
        code: FAILED,
        message: `${FILE}: cannot open shared object file: No such file or directory`,
        header: elf(183),
      },
      /is for linux arm64, and this Node\.js is for linux x64\. .*delete it and install again/,
    ],
    [
      'another width',
      linux,
      { code: FAILED, message: `${FILE}: wrong ELF class: ELFCLASS32` },
      /another processor/,
    ],
    [
      'another system',
      linux,
      {
        code: FAILED,
        message: `${FILE}: invalid ELF header`,
        header: Buffer.from('cffaedfe0c000001'.padEnd(80, '0'), 'hex'),
      },
      /is for darwin arm64/,
    ],
    [
      'another processor on macOS',
      mac,
      {
        code: FAILED,
        message: `dlopen(${FILE}, 0x0001): tried: '${FILE}' (mach-o file, but is an incompatible architecture (have 'x86_64', need 'arm64'))`,
      },
      /another processor, and this Node\.js is for darwin arm64/,
    ],
    [
      'another processor on Windows',
      windows,
      { code: FAILED, message: `%1 is not a valid Win32 application.\r\n${FILE}` },
      /another processor/,
    ],
    [
      'a quarantined file',
      mac,
      {
        code: FAILED,
        message: `dlopen(${FILE}, 0x0001): tried: '${FILE}' (code signature in <…> '${FILE}' not valid for use in process: library load disallowed by system policy)`,
      },
      /xattr -dr com\.apple\.quarantine/,
    ],
    [
      'a signature that is not accepted',
      mac,
      {
        code: FAILED,
        message: `dlopen(${FILE}, 0x0001): tried: '${FILE}' (mapping process and mapped file (non-platform) have different Team IDs)`,
      },
      /disable-library-validation/,
    ],
    [
      'a C library that is too old',
      linux,
      {
        code: FAILED,
        message: `/lib/x86_64-linux-gnu/libc.so.6: version \`GLIBC_2.34' not found (required by ${FILE})`,
      },
      /too old: the addon needs GLIBC 2\.34/,
    ],
    [
      'a symbol that musl does not have',
      { ...linux, libc: 'musl' },
      { code: FAILED, message: `Error relocating ${FILE}: __res_init: symbol not found` },
      /another C library/,
    ],
    [
      'the loader of glibc on musl',
      { ...linux, libc: 'musl' },
      {
        code: FAILED,
        message: `Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by ${FILE})`,
      },
      /another C library/,
    ],
    [
      'a symbol that is missing',
      linux,
      { code: FAILED, message: `${FILE}: undefined symbol: gnu_get_libc_version` },
      /another C library/,
    ],
    [
      'a library of the compiler that is missing',
      linux,
      {
        code: FAILED,
        message: 'libgcc_s.so.1: cannot open shared object file: No such file or directory',
      },
      /install libgcc/,
    ],
    [
      'a file system without programs',
      linux,
      { code: FAILED, message: `${FILE}: failed to map segment from shared object` },
      /noexec/,
    ],
    [
      'a file that is cut off',
      linux,
      { code: FAILED, message: `${FILE}: file too short` },
      /The file is broken/,
    ],
  ]) {
    test(`to ${what}`, () => {
      const attempts = [
        { name: 'a', reason: 'not installed', isMissing: true, message: "Cannot find module 'a'" },
        { name: 'b', reason: failure.message, isMissing: false, ...failure },
      ]
      const message = notLoaded(system, '1.2.3', attempts)
      assert.match(message, expected)
      assert.doesNotMatch(message, /--omit=optional/)
    })
  }

  test('to an unknown reason is to install', () => {
    const attempts = [{ name: 'a', reason: 'odd', isMissing: false, message: 'odd' }]
    assert.match(notLoaded(linux, '1.2.3', attempts), /npm install .*1\.2\.3\n.*--omit=optional/)
  })

  test('because the header of a file names its platform', () => {
    assert.equal(binaryOf(elf(62)), 'linux x64')
    assert.equal(binaryOf(elf(4)), 'linux of another processor')
    assert.equal(binaryOf(Buffer.from(`MZ${' '.repeat(30)}`)), 'win32')
    assert.equal(binaryOf(Buffer.from('cffaedfe07000001'.padEnd(80, '0'), 'hex')), 'darwin x64')
    assert.equal(binaryOf(Buffer.alloc(64)), undefined)
    assert.equal(binaryOf(Buffer.alloc(0)), undefined)
  })

  test('because the message names the file', () => {
    assert.equal(fileOf('/a b/c.node: wrong ELF class'), '/a b/c.node')
    assert.equal(fileOf('dlopen(/a/c.node, 0x0001): tried'), '/a/c.node')
    assert.equal(fileOf('loading addons is disabled.'), undefined)
  })
})

// The package as it is installed, with packages beside it that say who they are instead of being
// addons.
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

  function loaded(directory, env = {}, flags = []) {
    const code = "console.log(require('@socketsecurity/registry/lib/native.js'))"
    const options = {
      cwd: directory,
      encoding: 'utf8',
      env: { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: '', ...env },
    }
    // Past `exports`: the loader is no entry point.
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [...flags, '-e', code.replace('@socketsecurity', './node_modules/@socketsecurity')],
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

  test('names the one that was there, and why it was not loaded', (t) => {
    const said = loaded(installed(t, { [own]: fails }))
    assert.match(said, new RegExp(`registry-${own}: GLIBC_2\\.99 not found`))
    assert.match(said, new RegExp(`registry-${other}: not installed`))
    assert.match(said, /code: 'ERR_ADDON_NOT_LOADED'/)
    assert.match(said, /cause.*GLIBC_2\.99 not found/)
  })

  const build = readFileSync(join(ROOT, `registry.${own}.node`))

  /** An installed package whose addon is this file. */
  function withAddon(t, bytes) {
    const directory = installed(t, { [own]: "module.exports = require('./registry.node')" })
    writeFileSync(
      join(directory, `node_modules/@socketsecurity/registry-${own}/registry.node`),
      bytes,
    )
    return directory
  }

  const restricted = ['--permission', '--experimental-permission'].find((flag) =>
    process.allowedNodeEnvironmentFlags.has(flag),
  )
  for (const [what, flags, expected] of [
    ['--no-addons', ['--no-addons'], /--no-addons.*leave that out/],
    [
      'the permission model',
      restricted && [restricted, '--allow-fs-read=*'],
      /start it with --allow-addons/,
    ],
  ]) {
    test(`names the remedy for ${what}`, { skip: !flags }, (t) => {
      const said = loaded(withAddon(t, build), {}, flags)
      assert.match(said, expected)
      assert.doesNotMatch(said, /npm install/)
    })
  }

  test('reports an addon for another processor, and a file that is none', (t) => {
    const foreign = Buffer.from(build.subarray(0, 1 << 20))
    foreign.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18)
    assert.match(loaded(withAddon(t, foreign)), /The file is for linux (?:arm64|x64), and this/)
    const pointer = 'version https://git-lfs.github.com/spec/v1\n'.repeat(9)
    assert.match(loaded(withAddon(t, pointer)), /The file is broken/)
  })

  test('names the C library that is needed', (t) => {
    const directory = installed(t, {
      [own]: 'throw new Error("libc.so.6: version `GLIBC_2.99\' not found (required by x.node)")',
    })
    assert.match(loaded(directory), /needs GLIBC 2\.99/)
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
