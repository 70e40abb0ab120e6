// downloadWithLock beside older JavaScript programs, whose lock is the file itself, and among
// whatever such programs and crashes leave in the directory for locks.

import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import {
  deadPid,
  filesUnder,
  hashOf,
  readLock,
  setStage,
} from '../helpers/processes/lock-stage.mjs'
import { until } from '../helpers/support.mjs'

const HOUR = 3_600_000
// Far less than any time after which a lock is broken, and more than a busy machine needs.
const PROMPT = 10_000
// The grace of a lock file that is not readable yet.
const GRACE = 2000

/** A lock file as somebody left it: the bytes, and how long ago. */
function leave(lock, content, age = 0) {
  mkdirSync(dirname(lock), { recursive: true })
  writeFileSync(lock, content)
  const then = (Date.now() - age) / 1000
  utimesSync(lock, then, then)
}

function olderLock(pid, age = 0) {
  const url = 'http://127.0.0.1:9/other.bin'
  return JSON.stringify({ pid, startTime: Date.now() - age, url })
}

/** Downloads, and returns how long it took until the origin was asked. */
async function timeToRequest({ origin, dest, dir }, options) {
  const started = performance.now()
  const download = downloadWithLock(origin.url, dest, options)
  download.catch(() => {})
  await until(() => origin.requests.length > 0, 'a request')
  const took = performance.now() - started
  await download
  assert.equal(hashOf(dest), origin.sha256)
  assert.equal(origin.requests.length, 1)
  assert.deepEqual(await filesUnder(dir), ['tool.bin'])
  return took
}

describe('an older holder that is alive', () => {
  test('is waited for; its file is used without a request', async (t) => {
    const stage = await setStage(t)
    const holder = stage.start('older-holder', { lock: stage.lock, content: 'from the older one' })
    await holder.event('holding')
    const download = downloadWithLock(stage.origin.url, stage.dest, { pollInterval: 100 })
    await sleep(700)
    assert.equal(stage.origin.requests.length, 0)
    assert.equal(readLock(stage.lock)?.pid, holder.pid)
    const told = performance.now()
    holder.tell('release')
    const { size } = await download
    assert.ok(performance.now() - told < PROMPT)
    assert.equal(size, 18)
    assert.equal(stage.origin.requests.length, 0)
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  })

  test('is followed promptly when it gives up without a file', async (t) => {
    const stage = await setStage(t)
    const holder = stage.start('older-holder', { lock: stage.lock })
    await holder.event('holding')
    const download = downloadWithLock(stage.origin.url, stage.dest, { pollInterval: 100 })
    await sleep(500)
    assert.equal(stage.origin.requests.length, 0)
    const told = performance.now()
    holder.tell('release')
    await download
    assert.ok(performance.now() - told < PROMPT)
    assert.equal(hashOf(stage.dest), stage.origin.sha256)
  })

  test('is followed promptly when it is killed, because its PID is dead', async (t) => {
    const stage = await setStage(t)
    const holder = stage.start('older-holder', { lock: stage.lock })
    await holder.event('holding')
    const download = downloadWithLock(stage.origin.url, stage.dest, { pollInterval: 100 })
    await sleep(500)
    assert.equal(stage.origin.requests.length, 0)
    await holder.end()
    const killed = performance.now()
    await download
    assert.ok(performance.now() - killed < PROMPT)
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  })

  test('is named when waiting for it takes longer than lockTimeout', async (t) => {
    const stage = await setStage(t)
    const holder = stage.start('older-holder', { lock: stage.lock })
    await holder.event('holding')
    const options = { lockTimeout: 400, pollInterval: 100 }
    await assert.rejects(downloadWithLock(stage.origin.url, stage.dest, options), (error) => {
      assert.equal(
        error.message,
        `Lock acquisition timed out after 400ms (held by PID ${holder.pid})`,
      )
      assert.equal(error.code, 'ERR_LOCK_TIMEOUT')
      assert.equal(error.lockPath, stage.lock)
      assert.equal(error.holder.pid, holder.pid)
      return true
    })
    assert.equal(readLock(stage.lock)?.pid, holder.pid, 'its lock was removed')
    assert.equal(stage.origin.requests.length, 0)
  })

  test('loses its lock once that is older than staleTimeout', async (t) => {
    const stage = await setStage(t)
    const holder = stage.start('older-holder', { lock: stage.lock })
    await holder.event('holding')
    const took = await timeToRequest(stage, { staleTimeout: 1500, pollInterval: 100 })
    assert.ok(took > 800, `stepped over after only ${Math.round(took)} ms`)
    assert.ok(took < 20_000, `stepped over only after ${Math.round(took)} ms`)
  })
})

describe('an older lock file that was left behind', () => {
  test('by a process that is dead is taken over promptly', async (t) => {
    const stage = await setStage(t)
    leave(stage.lock, olderLock(await deadPid()))
    assert.ok((await timeToRequest(stage)) < PROMPT)
  })

  test('too long ago is taken over promptly, though its PID lives', async (t) => {
    const stage = await setStage(t)
    leave(stage.lock, olderLock(process.ppid, HOUR), HOUR)
    assert.ok((await timeToRequest(stage)) < PROMPT)
  })

  test('by a dead process is taken over by one of many processes', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    leave(stage.lock, olderLock(await deadPid()))
    const children = Array.from({ length: 6 }, () => stage.start('download', { waitForGo: true }))
    for (const child of children) await child.event('ready')
    for (const child of children) child.tell('go')
    for (const child of children) await child.event('calling')
    await until(() => stage.origin.requests.length > 0, 'a request')
    await sleep(300)
    stage.origin.openAll()
    for (const child of children) {
      assert.equal((await child.event('done')).sha256, stage.origin.sha256)
    }
    assert.equal(stage.origin.requests.length, 1)
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  })
})

describe('a lock file that cannot be read', () => {
  const contents = {
    empty: '',
    truncated: olderLock(1).slice(0, 12),
    binary: Buffer.from([0, 255, 254, 0, 1, 128, 10, 123]),
    'not an object': 'null',
    'without a PID': '{"hello":"world"}',
    'of five megabytes': Buffer.alloc(5_000_000),
  }

  test('and is fresh gets about two seconds, then it is taken over', async (t) => {
    const kinds = ['empty', 'truncated', 'binary']
    const times = kinds.map(async (kind) => {
      const stage = await setStage(t)
      leave(stage.lock, contents[kind])
      return timeToRequest(stage, { pollInterval: 100 })
    })
    for (const [index, took] of (await Promise.all(times)).entries()) {
      assert.ok(took > 1000 && took < 20_000, `${kinds[index]}: ${Math.round(took)} ms`)
    }
  })

  test('is read again meanwhile: a holder that was about to write is respected', async (t) => {
    const stage = await setStage(t)
    leave(stage.lock, '')
    const download = downloadWithLock(stage.origin.url, stage.dest, { pollInterval: 100 })
    await sleep(500)
    writeFileSync(stage.lock, olderLock(process.ppid))
    await sleep(3000)
    assert.equal(stage.origin.requests.length, 0)
    await rm(stage.lock)
    await download
    assert.equal(hashOf(stage.dest), stage.origin.sha256)
  })

  for (const [kind, content] of Object.entries(contents)) {
    test(`and is old is taken over promptly: ${kind}`, async (t) => {
      const stage = await setStage(t)
      leave(stage.lock, content, HOUR)
      assert.ok((await timeToRequest(stage)) < GRACE)
    })
  }

  test('because something else has its name does not hang the call', async (t) => {
    const options = { lockTimeout: 1500, pollInterval: 100 }
    const kinds = {
      'a directory': (lock) => mkdirSync(lock, { recursive: true }),
      'a dangling link': (lock) => {
        mkdirSync(dirname(lock), { recursive: true })
        symlinkSync('nowhere', lock)
      },
    }
    const calls = Object.entries(kinds).map(async ([kind, make]) => {
      const { lock, origin, dest } = await setStage(t)
      make(lock)
      const call = downloadWithLock(origin.url, dest, options)
      const outcome = call.then(
        () => hashOf(dest) === origin.sha256,
        (error) => error instanceof Error,
      )
      assert.equal(
        await Promise.race([outcome, sleep(30_000, 'pending', { ref: false })]),
        true,
        kind,
      )
    })
    await Promise.all(calls)
  })
})

describe('our own lock file', () => {
  test('left by a crash is taken over at once, even if its PID lives again', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const holder = stage.start('download')
    await until(() => stage.origin.requests.length === 1, "the holder's request")
    await holder.end()
    const left = readLock(stage.lock)
    assert.equal(left?.pid, holder.pid, 'the killed holder left no lock file')
    writeFileSync(stage.lock, JSON.stringify({ ...left, pid: process.ppid }))
    const started = performance.now()
    await downloadWithLock(stage.origin.url, stage.dest, { pollInterval: 60_000 })
    assert.ok(performance.now() - started < PROMPT)
    assert.equal(hashOf(stage.dest), stage.origin.sha256)
    assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
  })

  test('is never half written when an older waiter reads it', async (t) => {
    const stage = await setStage(t, { size: 20_000, duration: 40 })
    const reader = stage.start('older-reader', { lock: stage.lock })
    await reader.event('reading')
    for (let round = 0; round < 25; round += 1) {
      await downloadWithLock(stage.origin.url, stage.dest)
      await rm(stage.dest)
    }
    reader.tell('stop')
    const { read, broken, pids } = await reader.event('seen')
    assert.ok(read > 5, `the reader saw it only ${read} times`)
    assert.deepEqual(broken, [])
    assert.deepEqual(pids, [process.pid])
  })

  test('stays readable for as long as it is held', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const download = downloadWithLock(stage.origin.url, stage.dest, { staleTimeout: 400 })
    await until(() => stage.origin.requests.length === 1, 'the request')
    const end = performance.now() + 800
    while (performance.now() < end) {
      assert.equal(JSON.parse(await readFile(stage.lock, 'utf8')).pid, process.pid)
    }
    stage.origin.openAll()
    await download
  })
})

test('older and new programs together make one request', async (t) => {
  const stage = await setStage(t, { duration: 500 })
  const children = Array.from({ length: 8 }, (_, index) => {
    const program = index % 2 === 0 ? 'older-download' : 'download'
    return stage.start(program, { lock: stage.lock, waitForGo: true })
  })
  for (const child of children) await child.event('ready')
  for (const child of children) child.tell('go')
  for (const child of children) {
    assert.equal((await child.event('done')).sha256, stage.origin.sha256)
  }
  assert.equal(stage.origin.requests.length, 1)
  assert.deepEqual(await filesUnder(stage.dir), ['tool.bin'])
})
