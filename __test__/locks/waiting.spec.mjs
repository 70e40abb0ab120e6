// Waiting for the lock of another process: what a waiter learns, how fast it goes on, what it
// costs.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import '../helpers/origins/no-proxy.mjs'
import { startJob, whyNot } from '../helpers/processes/job-process.mjs'
import { filesUnder, hashOf, readLock, setStage } from '../helpers/processes/lock-stage.mjs'
import { rejection, sleep, until } from '../helpers/support.mjs'

// So long that whoever is quick has not been woken by a poll.
const NO_POLL = 60_000
// Far less than a poll, and more than a busy machine needs.
const PROMPT = 10_000

/** Starts a process that holds the lock, with its request under way. */
async function startHolder(stage, start = () => stage.start('download')) {
  const before = stage.origin.requests.length
  const holder = start()
  await holder.event('calling')
  await until(() => stage.origin.requests.length > before, "the holder's request")
  return holder
}

describe('onWait', () => {
  test('is called once for each caller, with the holder', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const holder = await startHolder(stage)
    const told = [[], []]
    const calls = told.map((holders) =>
      downloadWithLock(stage.origin.url, stage.dest, {
        pollInterval: 20,
        onWait: (...args) => holders.push(args),
      }),
    )
    await until(() => told.every((holders) => holders.length > 0), 'both are told')
    await sleep(300)
    stage.origin.openAll()
    await Promise.all(calls)
    for (const holders of told) {
      assert.equal(holders.length, 1, `called ${holders.length} times`)
      const [[{ pid, url, startTime }]] = holders
      assert.equal(pid, holder.pid)
      assert.equal(url, stage.origin.url)
      assert.ok(Math.abs(Date.now() - startTime) < 60_000, `startTime: ${startTime}`)
    }
  })

  test('is called for a caller that joins while another waits', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const holder = await startHolder(stage)
    const told = []
    const first = downloadWithLock(stage.origin.url, stage.dest)
    await sleep(200)
    const onWait = ({ pid }) => told.push(pid)
    const second = downloadWithLock(stage.origin.url, stage.dest, { onWait })
    await until(() => told.length > 0, 'it is told')
    stage.origin.openAll()
    await Promise.all([first, second])
    assert.deepEqual(told, [holder.pid])
  })

  test('is called once though the holder changes', async (t) => {
    const stage = await setStage(t, { gated: 2 })
    const holder = await startHolder(stage)
    const other = stage.start('download')
    await other.event('calling')
    await sleep(200)
    const told = []
    const onWait = ({ pid }) => told.push(pid)
    const call = downloadWithLock(stage.origin.url, stage.dest, { onWait })
    await until(() => told.length > 0, 'it is told')
    holder.kill('SIGKILL')
    await until(() => stage.origin.requests.length === 2, 'the next takes over')
    await sleep(200)
    stage.origin.openAll()
    await call
    assert.deepEqual(told, [holder.pid])
  })

  for (const [when, prepare] of [
    ['nobody holds the lock', () => {}],
    ['the file is there', ({ dest }) => writeFileSync(dest, 'here before')],
  ]) {
    test(`is not called when ${when}`, async (t) => {
      const stage = await setStage(t)
      prepare(stage)
      const onWait = () => assert.fail('onWait was called')
      await downloadWithLock(stage.origin.url, stage.dest, { onWait })
    })
  }

  test('is not called for a caller of the same process that holds the lock', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const onWait = () => assert.fail('onWait was called')
    const first = downloadWithLock(stage.origin.url, stage.dest, { onWait })
    await until(() => stage.origin.requests.length === 1, 'the request')
    const second = downloadWithLock(stage.origin.url, stage.dest, { onWait })
    await sleep(200)
    stage.origin.openAll()
    await Promise.all([first, second])
  })

  test('that throws rejects its own call with just that, and no other', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const holder = await startHolder(stage)
    const thrown = { not: 'even an error' }
    const throwing = downloadWithLock(stage.origin.url, stage.dest, {
      onWait: () => {
        throw thrown
      },
    })
    const patient = downloadWithLock(stage.origin.url, stage.dest)
    assert.equal(await rejection(throwing), thrown)
    assert.equal(readLock(stage.lock)?.pid, holder.pid)
    stage.origin.openAll()
    assert.equal((await patient).size, stage.origin.body.length)
    await holder.event('done')
    assert.equal(stage.origin.requests.length, 1)
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  })

  for (const value of ['yes', 5, {}, true]) {
    test(`cannot be ${JSON.stringify(value)}`, async (t) => {
      const stage = await setStage(t)
      const error = await rejection(
        downloadWithLock(stage.origin.url, stage.dest, { onWait: value }),
      )
      assert.ok(error instanceof TypeError, `${error}`)
      assert.match(error.message, /\bonWait\b/)
      assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
      assert.equal(stage.origin.requests.length, 0)
    })
  }
})

describe('waiters in other processes', () => {
  test('see the progress of the holder while it is under way', async (t) => {
    const stage = await setStage(t, { size: 1 << 20, gated: 1, duration: 1500 })
    const holder = await startHolder(stage)
    const waiters = Array.from({ length: 3 }, () =>
      stage.start('download', { reportProgress: true }),
    )
    for (const waiter of waiters) await waiter.event('calling')
    await sleep(300)
    stage.origin.openAll()
    const finished = await holder.event('done')
    const size = stage.origin.body.length
    for (const waiter of waiters) {
      await waiter.event('done')
      const calls = waiter.events.filter(({ event }) => event === 'progress')
      const midway = calls.filter(({ downloaded, at }) => downloaded < size && at < finished.at)
      assert.ok(midway.length >= 2, `${midway.length} calls while it was under way`)
      for (const [index, { downloaded, total }] of calls.entries()) {
        assert.equal(total, size)
        assert.ok(index === 0 || downloaded >= calls[index - 1].downloaded, 'it went back')
      }
      assert.equal(calls.at(-1).downloaded, size)
    }
    assert.equal(stage.origin.requests.length, 1)
  })

  test('see it continue, and never go back, when another takes over', async (t) => {
    const stage = await setStage(t, { size: 1 << 20, gated: 1, duration: 600, ranges: true })
    const holder = await startHolder(stage)
    const waiter = stage.start('download', { reportProgress: true })
    await waiter.event('progress')
    await sleep(500)
    holder.kill('SIGKILL')
    await waiter.event('done')
    const calls = waiter.events.filter(({ event }) => event === 'progress')
    for (const [index, { downloaded }] of calls.entries()) {
      assert.ok(index === 0 || downloaded >= calls[index - 1].downloaded, 'it went back')
    }
    assert.equal(calls.at(-1).downloaded, stage.origin.body.length)
  })
})

describe('with settleDelay 0 a waiter continues at once', () => {
  const options = { settleDelay: 0, pollInterval: NO_POLL }

  test('when the holder has finished', async (t) => {
    const took = []
    for (let round = 0; round < 4; round += 1) {
      const stage = await setStage(t, { gated: 1 })
      const holder = await startHolder(stage)
      const told = []
      const onWait = () => told.push('waiting')
      const call = downloadWithLock(stage.origin.url, stage.dest, { ...options, onWait })
      await until(() => told.length > 0, 'it waits')
      stage.origin.openAll()
      await call
      const at = performance.now()
      took.push(at - (await holder.exit).at)
      assert.equal(hashOf(stage.dest), stage.origin.sha256)
    }
    // The waiter may well be faster than the end of the process that told it.
    assert.ok(
      Math.max(...took) < PROMPT,
      `after the exit of the holder: ${took.map(Math.round)} ms`,
    )
  })

  test('when the holder was killed', async (t) => {
    const took = []
    for (let round = 0; round < 4; round += 1) {
      const stage = await setStage(t, { gated: 1 })
      const holder = await startHolder(stage)
      const told = []
      const onWait = () => told.push('waiting')
      const call = downloadWithLock(stage.origin.url, stage.dest, { ...options, onWait })
      await until(() => told.length > 0, 'it waits')
      holder.kill('SIGKILL')
      const { at } = await holder.exit
      await call
      took.push(performance.now() - at)
      assert.equal(hashOf(stage.dest), stage.origin.sha256)
      assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
    }
    assert.ok(
      Math.max(...took) < PROMPT,
      `after the exit of the holder: ${took.map(Math.round)} ms`,
    )
  })

  test('when the holder failed', async (t) => {
    const stage = await setStage(t, { status: 404, gated: 2 })
    const holder = await startHolder(stage)
    const told = []
    const onWait = () => told.push('waiting')
    const call = downloadWithLock(stage.origin.url, stage.dest, { ...options, onWait })
    const rejected = rejection(call)
    await until(() => told.length > 0, 'it waits')
    stage.origin.openAll()
    const { at } = await holder.event('failed')
    await until(() => {
      stage.origin.openAll()
      return stage.origin.requests.length === 2
    }, 'it tries for itself')
    const took = performance.now() - at
    stage.origin.openAll()
    assert.equal((await rejected).code, 'ERR_HTTP_STATUS')
    assert.ok(took < PROMPT, `after ${Math.round(took)} ms`)
  })
})

describe('waiting costs little', () => {
  const PROCESSES = 8
  const CALLERS = 8
  test(`for ${PROCESSES * CALLERS} callers`, async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const holder = await startHolder(stage)
    const { url } = stage.origin
    const job = { url, destPath: stage.dest, callers: CALLERS }
    const waiters = Array.from({ length: PROCESSES }, () => startJob(t, 'lock-waiters', job))
    for (const waiter of waiters) await waiter.event('waiting')
    await sleep(300)
    for (const waiter of waiters) waiter.tell('begin')
    await sleep(2000)
    for (const waiter of waiters) waiter.tell('end')
    let used = 0
    for (const waiter of waiters) used += (await waiter.event('used')).milliseconds
    t.diagnostic(`${Math.round(used)} ms of processor time in 2 s`)
    assert.ok(used < 500, `${Math.round(used)} ms of processor time in 2 s`)
    stage.origin.openAll()
    await holder.event('done')
    for (const waiter of waiters) {
      const { sizes } = await waiter.event('done')
      assert.deepEqual(sizes, Array(CALLERS).fill(stage.origin.body.length))
    }
    assert.equal(stage.origin.requests.length, 1)
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  })
})

const NAMESPACE = ['unshare', '-p', '-f', '--mount-proc', '--kill-child']

describe('with process IDs that mean nothing to each other', { skip: whyNot(...NAMESPACE) }, () => {
  /** Starts a process with a namespace of its own, or without. */
  function start(t, stage, isInside, options) {
    const job = { url: stage.origin.url, destPath: stage.dest, options }
    return startJob(t, 'lock-download', job, isInside ? NAMESPACE : [])
  }

  for (const [who, holderInside, waiterInside] of [
    ['inside, by one outside', true, false],
    ['outside, by one inside', false, true],
    ['inside, by one inside another with the same process ID', true, true],
  ]) {
    test(`a lock held ${who}, is respected`, async (t) => {
      const stage = await setStage(t, { gated: 1 })
      const options = { pollInterval: 50, staleTimeout: 300_000 }
      const holder = await startHolder(stage, () => start(t, stage, holderInside, options))
      if (holderInside) assert.ok(readLock(stage.lock).pid < 10, 'it is in no namespace of its own')
      const waiter = start(t, stage, waiterInside, options)
      await waiter.event('calling')
      await sleep(600)
      assert.equal(stage.origin.requests.length, 1, 'the lock was not respected')
      stage.origin.openAll()
      assert.equal((await holder.event('done')).sha256, stage.origin.sha256)
      assert.equal((await waiter.event('done')).sha256, stage.origin.sha256)
      assert.equal(stage.origin.requests.length, 1)
      assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
    })

    test(`a lock held ${who}, is taken over at once when the holder is killed`, async (t) => {
      const stage = await setStage(t, { gated: 1 })
      const options = { pollInterval: NO_POLL, staleTimeout: 300_000 }
      const holder = await startHolder(stage, () => start(t, stage, holderInside, options))
      const waiter = start(t, stage, waiterInside, options)
      await waiter.event('calling')
      await sleep(400)
      holder.kill('SIGKILL')
      const killed = performance.now()
      await until(() => stage.origin.requests.length === 2, 'the waiter takes over')
      const took = performance.now() - killed
      assert.ok(took < PROMPT, `after ${Math.round(took)} ms`)
      assert.equal((await waiter.event('done')).sha256, stage.origin.sha256)
      assert.ok(readFileSync(stage.dest).equals(stage.origin.body))
      assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
    })
  }
})
