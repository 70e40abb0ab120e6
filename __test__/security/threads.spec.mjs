// Where the system allows few threads, or none, calls succeed or say why not: nothing waits for a
// thread that cannot come.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { temporaryDirectory } from '../helpers/support.mjs'

const PROGRAM = fileURLToPath(new URL('../helpers/processes/few-threads.mjs', import.meta.url))
/** A user who has no other processes: the limit counts all of them. It does not hold for root. */
const USER = 61_234
const SIZE = 2 << 20

const skip =
  (process.platform !== 'linux' && 'the limit is counted differently') ||
  (process.getuid() !== 0 && 'another user is needed') ||
  (spawnSync('prlimit', ['--version']).status !== 0 && 'prlimit is missing') ||
  (spawnSync('true', [], { uid: USER, cwd: fileURLToPath(new URL('.', import.meta.url)) }).error &&
    'another user cannot read this directory')

/**
 * Starts the program; `round` limits its threads to `extra` more than it has now, and has it
 * download.
 */
async function start(t, url) {
  const directory = temporaryDirectory(t)
  chmodSync(directory, 0o777)
  const child = spawn(process.execPath, [PROGRAM, url, directory], {
    uid: USER,
    gid: USER,
    env: { PATH: process.env.PATH, NO_PROXY: '*' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    assert.ok(!done, `the process ended: ${child.exitCode} ${child.signalCode}`)
    return JSON.parse(value)
  }
  const idle = await next()
  const round = async (extra) => {
    // The soft limit, of a process of the same user: neither needs a capability.
    const limit = `--nproc=${idle + extra}:`
    const { status, stderr } = spawnSync('prlimit', ['--pid', `${child.pid}`, limit], {
      uid: USER,
      gid: USER,
    })
    assert.equal(status, 0, `${stderr}`)
    child.stdin.write('go\n')
    return next()
  }
  return { directory, round }
}

/**
 * A server whose bodies come in pieces, so that writers are at work while other names are looked
 * up.
 */
async function startSlowOrigin(t) {
  const origin = await startOrigin(t, async (_, response) => {
    response.writeHead(200, { 'Content-Length': SIZE })
    for (let sent = 0; sent < SIZE; sent += SIZE / 8) {
      response.write(Buffer.alloc(SIZE / 8))
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    response.end()
  })
  return `http://localhost:${origin.port}/`
}

for (const extra of [0, 1, 2, 3, 4, 6, 10]) {
  test(`with ${extra} threads left`, { skip }, async (t) => {
    const { directory, round } = await start(t, await startSlowOrigin(t))
    const { outcomes, unhandled } = await round(extra)
    assert.equal(outcomes.length, 8)
    assert.equal(unhandled, 0)
    for (const { size, code, message, thrown } of outcomes) {
      assert.equal(thrown, undefined)
      if (extra >= 2) assert.equal(size, SIZE, `${code}: ${message}`)
      if (size !== undefined) continue
      assert.equal(code, 'EAGAIN')
      assert.match(message, /[Nn]o thread can be started/)
    }
    if (extra === 0) assert.ok(outcomes.every(({ code }) => code === 'EAGAIN'))
    // A failure is not remembered.
    const again = await round(1000)
    for (const { size, message } of again.outcomes) assert.equal(size, SIZE, message)
    assert.equal(again.unhandled, 0)
    const files = readdirSync(directory)
    const whole = [...outcomes, ...again.outcomes].filter(({ size }) => size === SIZE)
    assert.equal(files.length, whole.length, `${files}`)
  })
}
