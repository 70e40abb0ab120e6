// The command line: help, version, and what is wrong usage.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { COMMAND, runCommand } from '../helpers/command.mjs'
import { temporaryDirectory } from '../helpers/support.mjs'

const { version, bin } = createRequire(import.meta.url)('../../package.json')
const COMMANDS = ['download', 'warm', 'doctor', 'metrics']

/** Of a machine for which there is no addon. */
const WITHOUT_ADDON = { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/registry.node' }

test('the command is the only one of the package, so that npx finds it by the name of the package', () => {
  assert.deepEqual(Object.keys(bin), ['socket-registry'])
  assert.ok(COMMAND.replaceAll('\\', '/').endsWith(bin['socket-registry']))
  assert.match(readFileSync(COMMAND, 'utf8'), /^#!\/usr\/bin\/env node\n/)
})

test('help goes to standard output, names every command, and needs no addon', async () => {
  for (const args of [['--help'], ['-h']]) {
    const { code, stdout, stderr } = await runCommand(args, { env: WITHOUT_ADDON })
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    for (const name of COMMANDS) assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'))
  }
  for (const name of COMMANDS) {
    for (const args of [
      [name, '--help'],
      ['--help', name],
    ]) {
      const { code, stdout, stderr } = await runCommand(args, { env: WITHOUT_ADDON })
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
      assert.match(stdout, new RegExp(`^Usage: socket-registry ${name} `))
      assert.ok(stdout.split('\n').every((line) => line.length <= 92))
    }
  }
})

test('the help of a command names each of its options', async () => {
  const source = readFileSync(new URL('../../lib/command/arguments.js', import.meta.url), 'utf8')
  const names = [...source.matchAll(/'?\b([a-z][a-z0-9-]*)'?: \{ type: '/g)].map(([, name]) => name)
  assert.ok(names.length > 12, 'options are found')
  const pages = await Promise.all(
    ['', ...COMMANDS].map((name) => runCommand([name, '--help'].filter(Boolean))),
  )
  const text = pages.map(({ stdout }) => stdout).join('')
  const missing = [...new Set(names)].filter((name) => !text.includes(`--${name}`))
  assert.deepEqual(missing, [])
})

test('--version is that of the package', async () => {
  for (const flag of ['--version', '-v']) {
    const { code, stdout } = await runCommand([flag], { env: WITHOUT_ADDON })
    assert.deepEqual({ code, stdout }, { code: 0, stdout: `${version}\n` })
  }
})

describe('wrong usage exits with 2, and writes the reason on standard error, and nothing else', () => {
  const url = 'http://127.0.0.1:9/file'
  const cases = [
    [[], /^Usage:/],
    [['--json'], /^Usage:/],
    [['fetch'], /There is no command 'fetch'\. The commands are download, warm, doctor, metrics/],
    [['__proto__'], /There is no command '__proto__'/],
    [['download'], /<url> is missing/],
    [['download', url], /<dest> is missing/],
    [['download', url, 'a', 'b'], /Unexpected argument 'b'/],
    [['download', url, 'a', '--nope'], /Unknown option '--nope'/],
    [['download', url, 'a', '--sha256'], /'--sha256 <value>' argument missing/],
    [['download', url, 'a', '--no-lock=1'], /--no-lock/],
    [['download', url, 'a', '--sha256', 'abc'], /--sha256 must be 64 hexadecimal digits/],
    [['download', url, 'a', '--integrity', 'abc'], /--integrity must be Subresource Integrity/],
    [['download', url, 'a', '--mode', 'rwx'], /--mode must be octal digits/],
    [['download', url, 'a', '--mode', '888'], /--mode must be octal digits/],
    [['download', url, 'a', '--retries', '-1'], /--retries/],
    [['download', url, 'a', '--retries=1.5'], /--retries must be a whole number, 0 or more/],
    [['download', url, 'a', '--connections', '17'], /--connections must be .* 1 to 16/],
    [['download', url, 'a', '--connections', '0'], /--connections must be .* 1 to 16/],
    [['download', url, 'a', '--max-rate', 'fast'], /--max-rate must be bytes per second/],
    [['download', 'ftp://127.0.0.1/', 'a'], /ftp/],
    [['download', 'file', 'a'], /URL/],
    [['download', url, ''], /<dest> must be a path/],
    [['warm'], /<manifest\.json> is missing/],
    [['warm', 'm.json', '--concurrency', '0'], /--concurrency must be a whole number, 1 or more/],
    [['metrics'], /<file> is missing/],
    [['metrics', 'file', '--prometheus', '--json'], /exclude each other/],
    [['doctor', url, url], /Unexpected argument/],
  ]
  for (const [args, message] of cases) {
    test(`socket-registry ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await runCommand(args)
      assert.equal(code, 2, stderr)
      assert.equal(stdout, '')
      assert.match(stderr, message)
      assert.doesNotMatch(stderr, /^ +at /m)
    })
  }
})

test('secrets of a URL are not printed', async (t) => {
  const url = 'http://user:hunter2@127.0.0.1:9/file?token=hunter3'
  const dest = join(temporaryDirectory(t), 'file')
  const { code, stdout, stderr } = await runCommand([
    'download',
    url,
    dest,
    '--retries=0',
    '--json',
  ])
  assert.equal(code, 1)
  assert.doesNotMatch(stdout + stderr, /hunter/)
})

test('nor are those of a URL in the wrong place', async () => {
  const url = 'http://user:hunter2@127.0.0.1:9/file?token=hunter3'
  for (const args of [
    [url, 'file'],
    ['download', url, 'file', url],
    ['doctor', url, url],
    ['warm', url],
    ['metrics', url],
    ['download', '--retries', url, 'http://127.0.0.1:9/', 'file'],
    ['download', '--max-rate', url, 'http://127.0.0.1:9/', 'file'],
    ['download', '--sha256', url, 'http://127.0.0.1:9/', 'file'],
    ['download', '--integrity', url, 'http://127.0.0.1:9/', 'file'],
    ['download', '--mode', url, 'http://127.0.0.1:9/', 'file'],
  ]) {
    const { code, stdout, stderr } = await runCommand(args)
    assert.equal(code, 2, `${args}`)
    assert.doesNotMatch(stdout + stderr, /hunter/)
  }
})

test('without an addon, a command that needs it names it and fails', async (t) => {
  const manifest = join(temporaryDirectory(t), 'manifest.json')
  writeFileSync(manifest, '{"entries":[]}')
  const { code, stderr } = await runCommand(['warm', manifest], { env: WITHOUT_ADDON })
  assert.equal(code, 1)
  assert.match(stderr, /^socket-registry: .*registry\.node/)
})
