// Clocks of processes that disagree, or that are set while somebody waits: locks go on.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import '../helpers/origins/no-proxy.mjs'
import { startJob } from '../helpers/processes/job-process.mjs'
import { filesUnder, readLock, setStage } from '../helpers/processes/lock-stage.mjs'
import { sleep, temporaryDirectory, until } from '../helpers/support.mjs'

const HOUR = 3600
const LIBRARY = 'shifted-clock.so'

/** Builds the library that shifts clocks; says why that cannot be done here. */
function build(directory) {
  const source = fileURLToPath(new URL('../helpers/processes/shifted-clock.c', import.meta.url))
  const args = ['-shared', '-fPIC', '-o', join(directory, LIBRARY), source, '-ldl']
  const { error, status, stderr } = spawnSync('cc', args)
  if (error) return `cc: ${error.code}`
  return status !== 0 && `cc: ${stderr}`
}

/** A clock that can be set: the command to run a process with, and its hand. */
function makeClock(directory, name, seconds) {
  const file = join(directory, name)
  const set = (shift) => writeFileSync(file, new BigInt64Array([BigInt(shift)]), { flag: 'a+' })
  const wrapper = ['env', `LD_PRELOAD=${join(directory, LIBRARY)}`, `CLOCK_SHIFT=${file}`]
  set(seconds)
  return {
    wrapper,
    // Written in place: the file is mapped.
    set: (shift) => writeFileSync(file, new BigInt64Array([BigInt(shift)]), { flag: 'r+' }),
  }
}

const skip = process.platform !== 'linux' && 'uses LD_PRELOAD'

describe('clocks', { skip, concurrency: true }, () => {
  const options = { staleTimeout: 2000, pollInterval: 50 }

  /**
   * A holder whose download takes three times `staleTimeout`, and a waiter, each with its clock.
   */
  async function waitFor(t, [holders, waiters], midway = () => {}) {
    const directory = temporaryDirectory(t)
    const reason = build(directory)
    if (reason) return t.skip(reason)
    const stage = await setStage(t, { gated: 1 })
    const clocks = [makeClock(directory, 'a', holders), makeClock(directory, 'b', waiters)]
    const job = { how: 'downloadWithLock', url: stage.origin.url, destPath: stage.dest, options }
    const holder = startJob(t, 'download-job', job, clocks[0].wrapper)
    await until(() => stage.origin.requests.length > 0, 'the holder has begun')
    const { startTime } = readLock(stage.lock)
    const shift = (startTime - Date.now()) / 1000
    assert.ok(Math.abs(shift - holders) < 60, `the clock of the holder is shifted by ${shift} s`)
    const waiter = startJob(t, 'download-job', job, clocks[1].wrapper)
    await waiter.event('calling')
    await sleep(3000)
    midway(clocks, stage)
    await sleep(3000)
    stage.origin.openAll()
    await holder.event('done')
    await waiter.event('done')
    assert.equal(stage.origin.requests.length, 1)
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  }

  for (const [name, shifts] of [
    ['a waiter an hour ahead', [0, HOUR]],
    ['a waiter an hour behind', [0, -HOUR]],
    ['a holder an hour ahead', [HOUR, 0]],
    ['a holder an hour behind', [-HOUR, 0]],
  ]) {
    test(`${name} respects who is at work`, (t) => waitFor(t, shifts))
  }

  for (const [name, seconds] of [
    ['forward', HOUR],
    ['back', -HOUR],
  ]) {
    test(`a clock set ${name} while one waits takes no lock from a live holder`, (t) =>
      waitFor(t, [0, 0], (clocks) => {
        for (const clock of clocks) clock.set(seconds)
      }))
  }

  test('a lock file from the future that nobody holds is taken over at once', async (t) => {
    const directory = temporaryDirectory(t)
    const reason = build(directory)
    if (reason) return t.skip(reason)
    const stage = await setStage(t, { gated: 1 })
    const job = { how: 'downloadWithLock', url: stage.origin.url, destPath: stage.dest, options }
    const ahead = makeClock(directory, 'a', HOUR)
    const holder = startJob(t, 'download-job', job, ahead.wrapper)
    await until(() => stage.origin.requests.length > 0, 'the holder has begun')
    holder.kill('SIGKILL')
    await holder.exit
    const future = Date.now() / 1000 + HOUR
    utimesSync(stage.lock, future, future)
    const patient = { ...job, options: { ...options, staleTimeout: 300_000 } }
    const { took } = await startJob(t, 'download-job', patient).event('done')
    assert.ok(took < 10_000, `it took ${took} ms`)
  })
})
