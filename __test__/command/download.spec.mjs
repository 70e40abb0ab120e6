// socket-registry download

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, test } from 'node:test'
import { COMMAND, environment, runCommand, startCommand } from '../helpers/command.mjs'
import { slowly, startOrigin } from '../helpers/origins/http-origin.mjs'
import { startOrigin as startRangeOrigin } from '../helpers/origins/lock-origin.mjs'
import { temporaryDirectory, until } from '../helpers/support.mjs'

const IS_WINDOWS = process.platform === 'win32'
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')
const BODY = randomBytes(300_000)
const SHA256 = hash(BODY)

async function stage(t, script = { body: BODY }) {
  const origin = await startOrigin(t, script)
  const directory = temporaryDirectory(t)
  return { origin, url: `${origin.url}/tool`, directory, dest: join(directory, 'bin', 'tool') }
}

describe('a download', () => {
  test('appears with its mode, and prints its path, size and SHA-256', async (t) => {
    const { url, dest } = await stage(t)
    const args = ['download', url, dest, '--sha256', SHA256, '--mode', '755', '--no-progress']
    const { code, stdout, stderr } = await runCommand(args)
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.match(
      stdout,
      new RegExp(`^${dest.replaceAll('\\', '\\\\')}: downloaded.*, 300\\.0 kB\n`),
    )
    assert.ok(stdout.endsWith(`\nsha256 ${SHA256}\n`))
    assert.equal(hash(readFileSync(dest)), SHA256)
    if (!IS_WINDOWS) assert.equal(statSync(dest).mode & 0o777, 0o755)
  })

  test('that exists is not downloaded again', async (t) => {
    const { origin, url, directory } = await stage(t)
    const dest = join(directory, 'tool')
    writeFileSync(dest, BODY)
    const { code, stdout } = await runCommand(['download', url, dest, '--sha256', SHA256])
    assert.equal(code, 0)
    assert.match(stdout, /: is there already, 300\.0 kB\n/)
    assert.equal(origin.requests.length, 0)
  })

  test('with --no-lock replaces what is there', async (t) => {
    const { origin, url, directory } = await stage(t)
    const dest = join(directory, 'tool')
    writeFileSync(dest, 'old')
    const { code } = await runCommand(['download', url, dest, '--no-lock'])
    assert.equal(code, 0)
    assert.equal(origin.requests.length, 1)
    assert.equal(hash(readFileSync(dest)), SHA256)
    assert.deepEqual(readdirSync(directory), ['tool'])
  })

  test('is one JSON value with --json', async (t) => {
    const { url, dest, directory } = await stage(t)
    const relativeDest = relative(directory, dest)
    const run = () => runCommand(['download', url, relativeDest, '--json'], { cwd: directory })
    const first = await run()
    const outcome = JSON.parse(first.stdout)
    const known = { url, path: dest, size: 300_000, sha256: SHA256, resumedFrom: 0 }
    assert.deepEqual(outcome, { ...known, status: 'downloaded', attempts: 1, source: url })
    const second = JSON.parse((await run()).stdout)
    assert.deepEqual(second, { ...known, status: 'cached', attempts: 0 })
  })

  test('is downloaded from a mirror if the URL fails', async (t) => {
    const { url, dest } = await stage(t, { status: 404 })
    const mirrors = [await startOrigin(t, { status: 410 }), await startOrigin(t, { body: BODY })]
    const flags = mirrors.flatMap((mirror) => ['--mirror', `${mirror.url}/tool`])
    const { code, stdout } = await runCommand(['download', url, dest, '--json', ...flags])
    assert.equal(code, 0)
    assert.equal(JSON.parse(stdout).source, `${mirrors[1].url}/tool`)
  })

  test('is downloaded over several connections', async (t) => {
    const origin = await startRangeOrigin({ size: 4 << 20, ranges: true, duration: 400 })
    t.after(() => origin.close())
    const dest = join(temporaryDirectory(t), 'tool')
    const args = ['download', origin.url, dest, '--connections', '4', '--sha256', origin.sha256]
    const { code, stderr } = await runCommand(args)
    assert.equal(code, 0, stderr)
    assert.ok(
      origin.requests.some(({ range }) => range),
      'ranges were asked for',
    )
  })

  test('takes its time with --max-rate', async (t) => {
    const { url, dest } = await stage(t)
    const started = performance.now()
    const { code } = await runCommand(['download', url, dest, '--max-rate', '200k'])
    const took = performance.now() - started
    assert.equal(code, 0)
    assert.ok(took > 900 && took < 20_000, `${took} ms`)
  })

  test('is tried again', async (t) => {
    const { origin, url, dest } = await stage(t, [
      { status: 503, headers: { 'Retry-After': '0' } },
      { body: BODY },
    ])
    const { code } = await runCommand(['download', url, dest])
    assert.equal(code, 0)
    assert.equal(origin.requests.length, 2)
  })
})

describe('a failure', () => {
  test('exits with 1, with the message and code on standard error', async (t) => {
    const { url, dest } = await stage(t, { status: 404 })
    const { code, stdout, stderr } = await runCommand(['download', url, dest])
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
    assert.equal(stderr, 'socket-registry: Download failed: HTTP 404 Not Found (ERR_HTTP_STATUS)\n')
    assert.equal(existsSync(dest), false)
  })

  test('is JSON, too', async (t) => {
    const { url, dest } = await stage(t, { status: 404 })
    const { code, stdout } = await runCommand(['download', url, dest, '--json'])
    assert.equal(code, 1)
    assert.deepEqual(JSON.parse(stdout), {
      ...{ url, path: dest, status: 'failed' },
      error: {
        message: 'Download failed: HTTP 404 Not Found',
        code: 'ERR_HTTP_STATUS',
        status: 404,
      },
    })
  })

  test('of the digest leaves nothing at the destination', async (t) => {
    const { url, dest } = await stage(t)
    const { code, stderr } = await runCommand(['download', url, dest, '--sha256', '0'.repeat(64)])
    assert.equal(code, 1)
    assert.match(stderr, /Checksum verification failed .*\(ERR_INTEGRITY\)/)
    assert.equal(existsSync(dest), false)
  })
})

describe('progress', () => {
  const slow = slowly(BODY, 20, 50)

  test('is a line for each 10 % where there is no terminal', async (t) => {
    const { url, dest } = await stage(t, slow)
    const { stderr } = await runCommand(['download', url, dest])
    const lines = stderr.trimEnd().split('\n')
    const steps = lines.map((line) => Number(/^(\d+) % \(.* of 300\.0 kB\)$/.exec(line)?.[1]))
    assert.ok(steps.length > 3 && steps.length <= 10, stderr)
    assert.ok(
      steps.every((step, index) => step % 10 === 0 && step > (steps[index - 1] ?? 0)),
      stderr,
    )
    assert.equal(steps.at(-1), 100)
  })

  test('is none with --no-progress', async (t) => {
    const { url, dest } = await stage(t, slow)
    const { stderr } = await runCommand(['download', url, dest, '--no-progress'])
    assert.equal(stderr, '')
  })

  const noTerminal =
    (IS_WINDOWS || spawnSync('script', ['--version']).status !== 0) && 'script(1) is not installed'
  test('is one line that changes on a terminal', { skip: noTerminal }, async (t) => {
    const { url, dest, directory } = await stage(t, slow)
    const quoted = [process.execPath, COMMAND, 'download', url, dest].map((each) => `'${each}'`)
    const child = spawn('script', ['-qec', quoted.join(' '), join(directory, 'typescript')], {
      env: environment({ TERM: 'xterm' }),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let screen = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      screen += text
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    assert.equal(code, 0, screen)
    const frames = screen.split('\r\x1b[2K').slice(1)
    assert.ok(frames.length > 3, screen)
    for (const frame of frames.slice(0, -1)) assert.match(frame, /^ {0,2}\d+ % {2}[^\r\n]*$/)
    assert.match(frames.at(-1), /^100 % {2}300\.0 kB of 300\.0 kB\r\n.*: downloaded/s)
  })

  test('prints for whom it waits', async (t) => {
    const { url, dest } = await stage(t, slowly(BODY, 20, 100))
    const first = startCommand(['download', url, dest])
    await until(() => first.texts.stderr.includes(' % '), 'the first bytes')
    const second = await runCommand(['download', url, dest])
    assert.match(second.stderr, new RegExp(`^Waiting for process ${first.child.pid},`))
    const codes = [(await first.ended).code, second.code]
    assert.deepEqual(codes, [0, 0])
  })
})

describe('an end from outside', { skip: IS_WINDOWS && 'Windows has no signals' }, () => {
  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ]) {
    test(`${signal} exits with ${expected}, and the same command resumes`, async (t) => {
      const origin = await startRangeOrigin({ gated: 1, ranges: true })
      t.after(() => origin.close())
      const dest = join(temporaryDirectory(t), 'tool')
      const args = ['download', origin.url, dest, '--json']
      const { child, ended, texts } = startCommand(args)
      await until(() => / % \(/.test(texts.stderr), 'the first half of the file')
      child.kill(signal)
      const { code, stderr } = await ended
      assert.equal(code, expected)
      assert.match(stderr, /Interrupted\. Run the same command again to resume\.\n$/)
      assert.doesNotMatch(stderr, /socket-registry:/)
      assert.equal(existsSync(dest), false)

      const again = JSON.parse((await runCommand(args)).stdout)
      assert.ok(again.resumedFrom > 0)
      assert.equal(again.sha256, origin.sha256)
      assert.match(origin.requests.at(-1).range, /^bytes=\d+-$/)
    })
  }

  test('a reader that has gone is no crash', async (t) => {
    const { url, dest } = await stage(t, slowly(BODY, 20, 20))
    const { child, ended, texts } = startCommand(['download', url, dest])
    child.stdout.destroy()
    await until(() => texts.stderr.includes(' % '), 'progress')
    child.stderr.destroy()
    const { code, signal } = await ended
    assert.deepEqual({ code, signal }, { code: 0, signal: null })
    assert.equal(hash(readFileSync(dest)), SHA256)
  })
})
