// downloadWithLock among many processes: one downloads, the others wait, and any of them may
// be killed, stopped or slow.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { filesUnder, hashOf, readLock, setStage } from '../helpers/processes/lock-stage.mjs'
import { until } from '../helpers/support.mjs'

// So long that a test which passes cannot have been woken by a poll.
const NO_POLL = 60_000
// Far less than a poll, and more than a busy machine needs.
const PROMPT = 10_000
const windows = process.platform === 'win32'

/** Starts a process that holds the lock, with its request under way at the origin. */
async function startHolder(stage, job) {
  const before = stage.origin.requests.length
  const holder = stage.start('download', job)
  await holder.event('calling')
  await until(() => stage.origin.requests.length > before, "the holder's request")
  return holder
}

/** Starts a process that has to wait for the lock, and gives it time to begin doing so. */
async function startWaiter(stage, job, context) {
  const waiter = stage.start(job?.program ?? 'download', job, context)
  await waiter.event('calling')
  await sleep(300)
  return waiter
}

async function assertEndsByItself(child) {
  const last = child.events.at(-1)
  const { code, signal, at, stderr } = await child.exit
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
  assert.ok(at - last.at < PROMPT, `it lived on for ${Math.round(at - last.at)} ms`)
}

describe('many processes, one destination', () => {
  test('sixteen at once make one request and see the same bytes', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const children = Array.from({ length: 16 }, () => stage.start('download', { waitForGo: true }))
    for (const child of children) await child.event('ready')
    for (const child of children) child.tell('go')
    for (const child of children) await child.event('calling')
    await until(() => stage.origin.requests.length > 0, 'a request')
    await sleep(300)
    stage.origin.openAll()
    for (const child of children) {
      const { sha256, size, path } = await child.event('done')
      assert.deepEqual(
        { sha256, size, path },
        { sha256: stage.origin.sha256, size: stage.origin.body.length, path: stage.dest },
      )
      await assertEndsByItself(child)
    }
    assert.equal(stage.origin.requests.length, 1)
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  })

  test('a relative and an absolute spelling exclude each other', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const spellings = ['tool.bin', join('.', 'sub', '..', 'tool.bin'), stage.dest]
    const children = []
    for (const destPath of spellings) {
      const child = stage.start('download', { destPath }, { cwd: stage.dir })
      await child.event('calling')
      children.push(child)
    }
    await until(() => stage.origin.requests.length > 0, 'a request')
    await sleep(300)
    stage.origin.openAll()
    for (const child of children) await child.event('done')
    assert.equal(stage.origin.requests.length, 1)
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  })

  test('a waiter in another process gets progress too', async (t) => {
    const stage = await setStage(t, { gated: 1, duration: 1500 })
    await startHolder(stage)
    const options = { pollInterval: 100 }
    const waiter = await startWaiter(stage, { options, reportProgress: true })
    stage.origin.openAll()
    await waiter.event('done')
    const size = stage.origin.body.length
    const calls = waiter.events.filter(({ event }) => event === 'progress')
    assert.ok(calls.length > 0, 'no call of onProgress')
    for (const [index, { downloaded, total }] of calls.entries()) {
      assert.equal(total, size)
      assert.ok(downloaded <= total)
      assert.ok(index === 0 || downloaded >= calls[index - 1].downloaded, 'progress went back')
    }
    assert.equal(calls.at(-1).downloaded, size)
    assert.equal(stage.origin.requests.length, 1)
  })

  test('a failed download rejects in every one of them and leaves nothing behind', async (t) => {
    const stage = await setStage(t, { status: 404, gated: 1 })
    const children = [await startHolder(stage)]
    for (let count = 0; count < 4; count += 1) children.push(stage.start('download'))
    for (const child of children) await child.event('calling')
    await sleep(300)
    stage.origin.openAll()
    for (const child of children) {
      const { message, code, status } = await child.event('failed')
      assert.equal(message, 'Download failed: HTTP 404 Not Found')
      assert.equal(code, 'ERR_HTTP_STATUS')
      assert.equal(status, 404)
      await assertEndsByItself(child)
    }
    assert.deepEqual(await filesUnder(stage.dir), [])
  })
})

describe('waiting', () => {
  test('ends after lockTimeout with an error that names the holder', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const holder = await startHolder(stage)
    const started = performance.now()
    await assert.rejects(
      downloadWithLock(stage.origin.url, stage.dest, { lockTimeout: 400 }),
      (error) => {
        assert.equal(
          error.message,
          `Lock acquisition timed out after 400ms (held by PID ${holder.pid})`,
        )
        assert.equal(error.code, 'ERR_LOCK_TIMEOUT')
        assert.equal(error.lockPath, stage.lock)
        assert.equal(typeof error.holder, 'object')
        assert.equal(error.holder.pid, holder.pid)
        return true
      },
    )
    const waited = performance.now() - started
    assert.ok(waited >= 395 && waited < PROMPT, `${waited} ms`)
    assert.equal(stage.origin.requests.length, 1)
    assert.equal(readLock(stage.lock)?.pid, holder.pid)
    stage.origin.openAll()
    await holder.event('done')
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  })

  test('ends at once by signal, and the holder notices nothing', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const holder = await startHolder(stage)
    const options = { pollInterval: NO_POLL, signal: AbortSignal.timeout(300) }
    const started = performance.now()
    await assert.rejects(downloadWithLock(stage.origin.url, stage.dest, options), {
      name: 'AbortError',
      code: 'ABORT_ERR',
    })
    assert.ok(performance.now() - started < PROMPT)
    stage.origin.openAll()
    await holder.event('done')
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  })

  test('with settleDelay 0 it ends promptly with the download, not at the next poll', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const holder = await startHolder(stage)
    const options = { pollInterval: NO_POLL, settleDelay: 0 }
    const waiter = await startWaiter(stage, { options })
    stage.origin.openAll()
    const finished = await holder.event('done')
    const { at } = await waiter.event('done')
    assert.ok(at - finished.at < PROMPT, `${Math.round(at - finished.at)} ms`)
    assert.equal(stage.origin.requests.length, 1)
  })

  test('with the default settleDelay it is prompt as well', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const holder = await startHolder(stage)
    const waiter = await startWaiter(stage, { options: { pollInterval: NO_POLL } })
    stage.origin.openAll()
    const finished = await holder.event('done')
    const { at } = await waiter.event('done')
    assert.ok(at - finished.at < PROMPT, `${Math.round(at - finished.at)} ms`)
  })

  test('holds the process alive, and afterwards the process ends by itself', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const holder = await startHolder(stage)
    const patient = await startWaiter(stage)
    const impatient = await startWaiter(stage, { options: { lockTimeout: 600 } })
    await impatient.event('failed')
    await assertEndsByItself(impatient)
    await sleep(500)
    assert.ok(patient.running, 'the waiting process ended')
    stage.origin.openAll()
    await patient.event('done')
    await assertEndsByItself(patient)
    await holder.event('done')
    await assertEndsByItself(holder)
  })

  test('does not stop process.exit()', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    await startHolder(stage)
    const waiter = await startWaiter(stage, { program: 'exit' })
    const told = performance.now()
    waiter.tell('exit')
    const { code, signal, at, stderr } = await waiter.exit
    assert.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: '' })
    assert.ok(at - told < PROMPT, `${Math.round(at - told)} ms`)
  })

  test('continues at once when the holder calls process.exit() in the middle', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const holder = stage.start('exit')
    await until(() => stage.origin.requests.length === 1, "the holder's request")
    const waiter = await startWaiter(stage, { options: { pollInterval: NO_POLL } })
    holder.tell('exit')
    const { code, signal, at } = await holder.exit
    assert.deepEqual({ code, signal }, { code: 7, signal: null })
    const done = await waiter.event('done')
    assert.ok(done.at - at < PROMPT, `${Math.round(done.at - at)} ms`)
    assert.equal(done.sha256, stage.origin.sha256)
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  })
})

describe('a holder that is killed', () => {
  for (const ranges of [true, false]) {
    const how = ranges ? 'can resume' : 'cannot resume'
    test(`is followed by a waiter at once (the server ${how})`, async (t) => {
      const stage = await setStage(t, { gated: 1, ranges })
      const { origin, dest } = stage
      const holder = await startHolder(stage)
      const waiter = await startWaiter(stage, { options: { pollInterval: NO_POLL } })
      assert.equal(origin.requests.length, 1)
      assert.ok(!existsSync(dest), 'a partial destination')
      const killed = performance.now()
      holder.kill('SIGKILL')
      await until(() => origin.requests.length === 2, "the waiter's request")
      const took = performance.now() - killed
      assert.ok(took < PROMPT, `taken over after ${Math.round(took)} ms`)
      const { sha256 } = await waiter.event('done')
      assert.equal(sha256, origin.sha256)
      assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
    })
  }

  test('at a random moment, again and again, never leaves a partial file', async (t) => {
    const stage = await setStage(t, { duration: 400, ranges: true })
    const { origin, dest, lock } = stage
    const watcher = watch(dest, origin)
    for (let round = 0; round < 6; round += 1) {
      const children = Array.from({ length: 3 }, () => stage.start('download', { waitForGo: true }))
      for (const child of children) await child.event('ready')
      for (const child of children) child.tell('go')
      const { pid } = await until(() => readLock(lock), 'a lock')
      await sleep(Math.random() * 350)
      const holder = children.find((child) => child.pid === pid)
      assert.ok(holder, `PID ${pid} is none of the processes`)
      holder.kill('SIGKILL')
      for (const child of children) {
        if (child === holder) await child.exit
        else assert.equal((await child.event('done')).sha256, origin.sha256)
      }
      assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
      await watcher.remove()
    }
    const { seen, bad } = watcher.stop()
    assert.ok(seen >= 6, `the watcher saw ${seen} files`)
    assert.deepEqual(bad, [])
  })
})

/** Looks at a destination all the time; whatever appears there must be whole from the start. */
function watch(dest, origin) {
  const bad = []
  let seen = 0
  let known
  const timer = setInterval(look, 1)
  return {
    async remove() {
      look()
      await rm(dest)
      known = undefined
    },
    stop() {
      clearInterval(timer)
      return { seen, bad }
    },
  }

  function look() {
    const stats = statSync(dest, { throwIfNoEntry: false })
    const now = stats && `${stats.ino} ${stats.size}`
    if (!now || now === known) return
    known = now
    seen += 1
    if (!readFileSync(dest).equals(origin.body)) bad.push(`${stats.size} bytes`)
  }
}

describe('a holder that is stopped or slow', () => {
  test('stopped: its lock is broken, and it damages nothing when it continues', {
    skip: windows,
  }, async (t) => {
    const stage = await setStage(t, { gated: 2 })
    const { origin, dest, lock } = stage
    const options = { staleTimeout: 1200 }
    const frozen = await startHolder(stage, { options })
    frozen.kill('SIGSTOP')
    const stopped = performance.now()

    const second = stage.start('download', { options })
    await until(
      () => origin.requests.length === 2,
      'the request of the one that steps over',
      15_000,
    )
    const took = performance.now() - stopped
    assert.ok(took > 600, `stepped over after only ${Math.round(took)} ms`)
    assert.equal(readLock(lock)?.pid, second.pid)

    origin.requests[0].open()
    frozen.kill('SIGCONT')
    await Promise.race([frozen.exit, sleep(2000)])
    assert.equal(readLock(lock)?.pid, second.pid, 'the lock of the second was removed')
    if (existsSync(dest)) assert.equal(hashOf(dest), origin.sha256)

    origin.requests[1].open()
    assert.equal((await second.event('done')).sha256, origin.sha256)
    await frozen.exit
    assert.equal(hashOf(dest), origin.sha256)
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  })

  test('stopped until all is over: it leaves the finished file whole', {
    skip: windows,
  }, async (t) => {
    const stage = await setStage(t, { gated: 1, ranges: true })
    const options = { staleTimeout: 1200 }
    const frozen = await startHolder(stage, { options })
    frozen.kill('SIGSTOP')
    const second = stage.start('download', { options })
    assert.equal((await second.event('done')).sha256, stage.origin.sha256)
    stage.origin.openAll()
    frozen.kill('SIGCONT')
    const { code, signal } = await frozen.exit
    assert.deepEqual({ code, signal }, { code: 0, signal: null })
    assert.equal(hashOf(stage.dest), stage.origin.sha256)
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  })

  test('slower than staleTimeout but alive: it holds its lock', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const options = { staleTimeout: 1000, pollInterval: 100 }
    const holder = await startHolder(stage, { options })
    const waiter = await startWaiter(stage, { options })
    await sleep(3500)
    assert.equal(stage.origin.requests.length, 1)
    assert.equal(readLock(stage.lock)?.pid, holder.pid)
    stage.origin.openAll()
    await holder.event('done')
    await waiter.event('done')
    assert.equal(stage.origin.requests.length, 1)
  })
})

describe('processes that move the file away as soon as they have it', () => {
  for (const [count, options] of [
    [4, undefined],
    [8, { settleDelay: 600 }],
  ]) {
    const delay = options ? `settleDelay ${options.settleDelay}` : 'the default settleDelay'
    test(`${count} of them, with ${delay}: each gets the file`, async (t) => {
      const stage = await setStage(t)
      const children = Array.from({ length: count }, (_, index) => {
        const moveTo = join(stage.dir, `moved-${index}`)
        return Object.assign(stage.start('move', { options, moveTo }), { moveTo })
      })
      for (const child of children) await child.event('ready')
      for (const child of children) child.tell('go')
      for (const child of children) {
        assert.equal((await child.event('done')).sha256, stage.origin.sha256)
        assert.equal(hashOf(child.moveTo), stage.origin.sha256)
      }
      assert.equal(stage.origin.mostActive, 1)
      assert.deepEqual(
        await filesUnder(stage.dir),
        Array.from(children, (_, i) => `moved-${i}`),
      )
    })
  }

  test('a file that was put there meanwhile by another program is taken as it is', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const holder = await startHolder(stage)
    const waiter = await startWaiter(stage)
    writeFileSync(stage.dest, 'from elsewhere')
    holder.kill('SIGKILL')
    const { size } = await waiter.event('done')
    assert.equal(size, 14)
    assert.equal(stage.origin.requests.length, 1)
  })
})
