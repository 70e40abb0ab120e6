// socket-registry doctor and socket-registry metrics

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { runCommand, startCommand } from '../helpers/command.mjs'
import { silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import { temporaryDirectory, until } from '../helpers/support.mjs'

const IS_WINDOWS = process.platform === 'win32'

describe('doctor', () => {
  const env = (t) => ({ SOCKET_CACACHE_DIR: join(temporaryDirectory(t), 'cache') })

  test('prints a report as text', async (t) => {
    const { code, stdout, stderr } = await runCommand(['doctor'], { env: env(t) })
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    for (const part of ['platform', 'addon', 'node', 'proxy', 'trust', 'lock', 'cache']) {
      assert.match(stdout, new RegExp(`^ok +${part}\\b`, 'm'))
    }
  })

  test('with a URL reports its response, and --json is the report', async (t) => {
    const { url } = await startOrigin(t, { body: 'fine' })
    const { code, stdout } = await runCommand(['doctor', url, '--json'], { env: env(t) })
    assert.equal(code, 0)
    const report = JSON.parse(stdout)
    assert.equal(report.url.status, 200)
    assert.equal(report.platform.arch, process.arch)
  })

  test('fails if a part is not in order, and prints which', async (t) => {
    const { code, stdout } = await runCommand(['doctor', 'http://127.0.0.1:9/'], { env: env(t) })
    assert.equal(code, 1)
    assert.match(stdout, /^FAIL url\b/m)
  })

  test('is ended by a signal at once', {
    skip: IS_WINDOWS && 'Windows has no signals',
  }, async (t) => {
    const origin = await startOrigin(t, silence)
    const { child, ended } = startCommand(['doctor', origin.url], { env: env(t) })
    await until(() => origin.requests.length > 0, 'the request')
    child.kill('SIGINT')
    const { signal, stdout, stderr } = await ended
    assert.deepEqual({ signal, stdout, stderr }, { signal: 'SIGINT', stdout: '', stderr: '' })
  })

  test('works without the addon, and reports that', async (t) => {
    const more = { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/registry.node' }
    const { code, stdout } = await runCommand(['doctor'], { env: { ...env(t), ...more } })
    assert.equal(code, 1)
    assert.match(stdout, /^FAIL addon\b/m)
  })
})

describe('metrics', () => {
  /** Returns the metrics file that two commands have written. */
  async function written(t) {
    const directory = temporaryDirectory(t)
    const file = join(directory, 'metrics.jsonl')
    const origin = await startOrigin(t, [{ body: 'whole' }, { status: 404 }])
    for (const name of ['a', 'b']) {
      const args = ['download', `${origin.url}/${name}`, join(directory, name)]
      await runCommand(args, { env: { SOCKET_METRICS_FILE: file } })
    }
    return file
  }

  test('adds up what processes wrote: as text, as JSON, for Prometheus', async (t) => {
    const file = await written(t)
    const text = await runCommand(['metrics', file])
    assert.deepEqual([text.code, text.stderr], [0, ''])
    assert.match(text.stdout, /^2 lines of processes\n/)
    assert.match(text.stdout, /1 published, 0 cached, 0 shared, 1 failed/)
    const json = JSON.parse((await runCommand(['metrics', file, '--json'])).stdout)
    assert.equal(json.lines, 2)
    assert.equal(json.metrics.downloads.published, 1)
    assert.equal(json.errors[0].code, 'ERR_HTTP_STATUS')
    const { stdout } = await runCommand(['metrics', file, '--prometheus'])
    assert.match(stdout, /^# TYPE socket_registry_requests_total counter$/m)
  })

  test('ignores lines that cannot be read, and prints how many', async (t) => {
    const file = await written(t)
    writeFileSync(file, 'nonsense\n', { flag: 'a' })
    const { code, stdout } = await runCommand(['metrics', file])
    assert.equal(code, 0)
    assert.match(stdout, /^2 lines of processes, and 1 line that cannot be read\n/)
  })

  test('prints nothing that a terminal obeys, and no line that is not its own', async (t) => {
    const file = join(temporaryDirectory(t), 'metrics.jsonl')
    const error = {
      ...{ operation: 'request', code: 'E\u001b]0;title\u0007', host: 'a\nDownloads    7 calls' },
      ...{ count: 1, firstTime: 1, lastTime: 1, message: '\u009b2J' },
    }
    writeFileSync(file, `${JSON.stringify({ v: 1, since: 1, errors: [error] })}\n`)
    const { code, stdout } = await runCommand(['metrics', file])
    assert.equal(code, 0)
    const shown =
      'request E\\u001b]0;title\\u0007 a\\nDownloads    7 calls: 1 time, last: \\u009b2J'
    assert.ok(stdout.endsWith(`\n  ${shown}\n`), stdout)
    const asJson = await runCommand(['metrics', file, '--json'])
    assert.ok(!asJson.stdout.includes('\u009b'))
    assert.equal(JSON.parse(asJson.stdout).errors[0].message, error.message)
  })

  test('of a file that is not there fails', async (t) => {
    const file = join(temporaryDirectory(t), 'none')
    const { code, stdout, stderr } = await runCommand(['metrics', file])
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /^socket-registry: .*\bENOENT|^socket-registry: .*No such file/)
  })
})
