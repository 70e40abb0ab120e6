// downloadWithLock as one process sees it. Other processes: lock-processes.spec.mjs.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative, sep } from 'node:path'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import {
  filesUnder,
  hashOf,
  lockPathOf,
  readLock,
  setStage,
} from '../helpers/processes/lock-stage.mjs'
import { until } from '../helpers/support.mjs'

const NOTHING = '0'.repeat(64)

describe('a destination that is already there', () => {
  test('is returned with no request, no lock file and no change', async (t) => {
    const { dir, dest, origin } = await setStage(t)
    writeFileSync(dest, 'here before')
    const result = await downloadWithLock(origin.url, dest)
    assert.equal(result.path, dest)
    assert.equal(result.size, 11)
    assert.equal(origin.requests.length, 0)
    assert.equal(readFileSync(dest, 'utf8'), 'here before')
    assert.ok(!existsSync(join(dir, '.locks')), 'a directory for locks was made')
  })

  test('is returned even while somebody holds the lock', async (t) => {
    const { dest, lock, origin } = await setStage(t)
    await mkdir(dirname(lock))
    const held = JSON.stringify({ pid: process.pid, startTime: Date.now(), url: origin.url })
    writeFileSync(lock, held)
    writeFileSync(dest, 'here before')
    await downloadWithLock(origin.url, dest, { lockTimeout: 1000 })
    assert.equal(origin.requests.length, 0)
    assert.equal(readFileSync(lock, 'utf8'), held)
  })

  test('is fetched when it is an empty file', async (t) => {
    const { dest, origin } = await setStage(t)
    writeFileSync(dest, '')
    const result = await downloadWithLock(origin.url, dest)
    assert.equal(result.size, origin.body.length)
    assert.equal(hashOf(dest), origin.sha256)
    assert.equal(origin.requests.length, 1)
  })

  test('is left when its SHA-256 is the expected one', async (t) => {
    const { dest, origin } = await setStage(t)
    writeFileSync(dest, origin.body)
    await downloadWithLock(origin.url, dest, { sha256: origin.sha256 })
    assert.equal(origin.requests.length, 0)
  })

  test('is fetched again when its SHA-256 is another', async (t) => {
    const { dest, origin } = await setStage(t)
    writeFileSync(dest, 'an older version')
    await downloadWithLock(origin.url, dest, { sha256: origin.sha256 })
    assert.equal(hashOf(dest), origin.sha256)
    assert.equal(origin.requests.length, 1)
  })
})

describe('the lock file', () => {
  test('has the agreed name and content while held, and is gone afterwards', async (t) => {
    const { dir, origin } = await setStage(t, { gated: 1 })
    const dest = join(dir, 'a tool (ü), v1.0_x-y')
    const before = Date.now()
    const download = downloadWithLock(origin.url, dest)
    await until(() => origin.requests.length === 1, 'the request')

    const expected = lockPathOf(dest)
    assert.ok(basename(expected).endsWith('_a_tool______v1.0_x-y.lock'))
    const held = readLock(expected)
    assert.ok(held, `there is no ${expected}, but ${await filesUnder(dir)}`)
    assert.equal(held.pid, process.pid)
    assert.equal(held.url, origin.url)
    assert.ok(Number.isInteger(held.startTime), `startTime: ${held.startTime}`)
    assert.ok(held.startTime >= before - 1000 && held.startTime <= Date.now() + 1000)

    origin.openAll()
    await download
    assert.deepEqual(await filesUnder(dir), [basename(dest)])
  })

  test('goes into locksDir when that is given, and only there', async (t) => {
    const { dir, dest, origin } = await setStage(t, { gated: 1 })
    const locksDir = join(dir, 'deep', 'locks')
    const download = downloadWithLock(origin.url, dest, { locksDir })
    await until(() => origin.requests.length === 1, 'the request')
    assert.equal(readLock(lockPathOf(dest, locksDir))?.pid, process.pid)
    assert.ok(!existsSync(join(dir, '.locks')))
    origin.openAll()
    await download
    assert.deepEqual(await filesUnder(dir), ['tool.bin'])
  })

  test('never holds the password of the URL', async (t) => {
    const { dest, lock, origin } = await setStage(t, { gated: 1 })
    const url = new URL(origin.url)
    url.username = 'me'
    url.password = 'open-sesame'
    const download = downloadWithLock(url.href, dest)
    await until(() => origin.requests.length === 1, 'the request')
    const text = readFileSync(lock, 'utf8')
    assert.ok(!text.includes('open-sesame'), text)
    assert.ok(JSON.parse(text).url.includes(url.host), text)
    origin.openAll()
    await download
  })

  test('is removed, and no part file stays, when the server has no such file', async (t) => {
    const { dir, dest, origin } = await setStage(t, { status: 404 })
    await assert.rejects(downloadWithLock(origin.url, dest), {
      message: 'Download failed: HTTP 404 Not Found',
      code: 'ERR_HTTP_STATUS',
      status: 404,
    })
    assert.deepEqual(await filesUnder(dir), [])
  })

  test('is removed when the bytes are not the expected ones, and the old file stays', async (t) => {
    const { dir, dest, origin } = await setStage(t)
    writeFileSync(dest, 'the old file')
    await assert.rejects(downloadWithLock(origin.url, dest, { sha256: NOTHING }), {
      code: 'ERR_INTEGRITY',
    })
    assert.equal(readFileSync(dest, 'utf8'), 'the old file')
    assert.deepEqual(await filesUnder(dir), ['tool.bin'])
  })

  test('is removed when a throwing onProgress stops the download', async (t) => {
    const { dest, origin } = await setStage(t, { gated: 1 })
    const thrown = new Error('enough')
    const onProgress = () => {
      throw thrown
    }
    await assert.rejects(downloadWithLock(origin.url, dest, { onProgress }), thrown)
    assert.ok(!existsSync(dest))
    assert.ok(!existsSync(lockPathOf(dest)))
  })

  test('is removed when the download is aborted', async (t) => {
    const { dest, lock, origin } = await setStage(t, { gated: 1 })
    const controller = new AbortController()
    const download = downloadWithLock(origin.url, dest, { signal: controller.signal })
    await until(() => origin.requests.length === 1, 'the request')
    assert.ok(existsSync(lock))
    controller.abort(new Error('changed my mind'))
    await assert.rejects(download, { name: 'AbortError', code: 'ABORT_ERR' })
    assert.ok(!existsSync(lock))
    assert.ok(!existsSync(dest))
  })
})

describe('callers in one process', () => {
  test('share one download, and each gets its own progress', async (t) => {
    const { dir, dest, origin } = await setStage(t, { gated: 1 })
    const seen = Array.from({ length: 5 }, () => [])
    const downloads = seen.map((calls) =>
      downloadWithLock(origin.url, dest, {
        onProgress: (downloaded, total) => calls.push([downloaded, total]),
      }),
    )
    await until(() => origin.requests.length === 1, 'the request')
    origin.openAll()
    const results = await Promise.all(downloads)
    const size = origin.body.length
    assert.equal(origin.requests.length, 1)
    for (const result of results) {
      assert.equal(result.path, dest)
      assert.equal(result.size, size)
    }
    for (const calls of seen) {
      assert.deepEqual(calls.at(-1), [size, size])
      for (const [index, [downloaded]] of calls.entries()) {
        assert.ok(index === 0 || downloaded >= calls[index - 1][0], 'progress went back')
      }
    }
    assert.equal(hashOf(dest), origin.sha256)
    assert.deepEqual(await filesUnder(dir), ['tool.bin'])
  })

  test('share a download that began before they called', async (t) => {
    const { dest, origin } = await setStage(t, { gated: 1 })
    const first = downloadWithLock(origin.url, dest)
    await until(() => origin.requests.length === 1, 'the request')
    const second = downloadWithLock(origin.url, dest)
    origin.openAll()
    await Promise.all([first, second])
    assert.equal(origin.requests.length, 1)
  })

  test('share it under a relative and an absolute spelling of the destination', async (t) => {
    const { dir, dest, origin } = await setStage(t, { gated: 1 })
    const spellings = [
      dest,
      relative(process.cwd(), dest),
      [dir, 'sub', '..', '.', 'tool.bin'].join(sep),
    ]
    const downloads = spellings.map((spelling) => downloadWithLock(origin.url, spelling))
    await until(() => origin.requests.length === 1, 'the request')
    origin.openAll()
    for (const result of await Promise.all(downloads)) {
      assert.equal(result.size, origin.body.length)
    }
    assert.equal(origin.requests.length, 1)
    assert.deepEqual(await filesUnder(dir), ['tool.bin'])
  })

  test('all fail with the one download, and leave nothing behind', async (t) => {
    const { dir, dest, origin } = await setStage(t, { status: 404, gated: 1 })
    const downloads = [1, 2, 3].map(() => downloadWithLock(origin.url, dest))
    const settled = Promise.allSettled(downloads)
    await until(() => origin.requests.length === 1, 'the request')
    origin.openAll()
    for (const { status, reason } of await settled) {
      assert.equal(status, 'rejected')
      assert.equal(reason.message, 'Download failed: HTTP 404 Not Found')
    }
    assert.equal(origin.requests.length, 1)
    assert.deepEqual(await filesUnder(dir), [])
  })

  test('can leave by their signal without stopping the others', async (t) => {
    const { dest, origin } = await setStage(t, { gated: 1 })
    const controllers = [new AbortController(), new AbortController(), new AbortController()]
    const downloads = controllers.map(({ signal }) =>
      downloadWithLock(origin.url, dest, { signal }),
    )
    const settled = Promise.allSettled(downloads)
    await until(() => origin.requests.length === 1, 'the request')
    controllers[0].abort()
    controllers[2].abort()
    await assert.rejects(downloads[0], { name: 'AbortError' })
    await assert.rejects(downloads[2], { name: 'AbortError' })
    origin.openAll()
    const [, stayed] = await settled
    assert.equal(stayed.status, 'fulfilled', String(stayed.reason))
    assert.equal(hashOf(dest), origin.sha256)
    assert.equal(origin.requests.length, 1)
  })

  test('download different destinations side by side', async (t) => {
    const { dir, origin } = await setStage(t, { gated: 8 })
    const names = Array.from({ length: 8 }, (_, index) => `tool-${index}`)
    const downloads = names.map((name) => downloadWithLock(origin.url, join(dir, name)))
    await until(() => origin.mostActive === 8, 'eight requests at once')
    origin.openAll()
    await Promise.all(downloads)
    assert.deepEqual(await filesUnder(dir), names)
  })

  test('can download again and again after removing the file', async (t) => {
    const { dir, dest, origin } = await setStage(t, { size: 1000 })
    for (let round = 1; round <= 20; round += 1) {
      await downloadWithLock(origin.url, dest)
      assert.equal(hashOf(dest), origin.sha256)
      assert.equal(origin.requests.length, round)
      await rm(dest)
    }
    assert.deepEqual(await filesUnder(dir), [])
  })
})

describe('worker threads', () => {
  const THREAD = new URL('../helpers/processes/lock-thread.mjs', import.meta.url)

  test('make one request between them and the main thread', async (t) => {
    const { dir, dest, origin } = await setStage(t, { gated: 1 })
    const workerData = { url: origin.url, destPath: dest }
    const download = downloadWithLock(origin.url, dest)
    const threads = [1, 2, 3].map(() => new Worker(THREAD, { workerData }))
    await Promise.all(threads.map((thread) => once(thread, 'message')))
    await until(() => origin.requests.length > 0, 'a request')
    const sizes = threads.map((thread) => once(thread, 'message'))
    origin.openAll()
    await download
    for (const [size] of await Promise.all(sizes)) assert.equal(size, origin.body.length)
    assert.equal(origin.requests.length, 1)
    assert.deepEqual(await filesUnder(dir), ['tool.bin'])
  })

  test('can be terminated while they hold the lock: the next one gets it', async (t) => {
    const { dir, dest, origin } = await setStage(t, { gated: 1 })
    const workerData = { url: origin.url, destPath: dest }
    const thread = new Worker(THREAD, { workerData })
    await until(() => origin.requests.length === 1, 'the request of the thread')
    const next = downloadWithLock(origin.url, dest, { lockTimeout: 8000 })
    await thread.terminate()
    origin.openAll()
    await next
    assert.equal(hashOf(dest), origin.sha256)
    assert.deepEqual(await filesUnder(dir), ['tool.bin'])
  })
})

describe('long names', () => {
  test('a file name of 255 bytes works', async (t) => {
    const { dir, origin } = await setStage(t)
    const name = 'n'.repeat(255)
    await downloadWithLock(origin.url, join(dir, name))
    assert.equal(hashOf(join(dir, name)), origin.sha256)
    assert.deepEqual(await filesUnder(dir), [name])
  })

  test('a file name of 255 bytes outside ASCII works', async (t) => {
    const { dir, origin } = await setStage(t)
    const name = `${'ü'.repeat(127)}x`
    await downloadWithLock(origin.url, join(dir, name))
    assert.equal(hashOf(join(dir, name)), origin.sha256)
    assert.deepEqual(await filesUnder(dir), [name])
  })

  test('deep paths that differ only in the middle do not share a lock', async (t) => {
    const { dir, origin } = await setStage(t, { gated: 2 })
    const side = Array.from({ length: 5 }, () => 'd'.repeat(60))
    const locksDir = join(dir, 'locks')
    const dests = ['one', 'two'].map((middle) => join(dir, ...side, middle, ...side, 'tool.bin'))
    const downloads = dests.map((dest) => downloadWithLock(origin.url, dest, { locksDir }))
    await until(() => origin.mostActive === 2, 'two requests at once')
    const locks = (await filesUnder(locksDir)).filter((name) => name.endsWith('.lock'))
    assert.equal(locks.length, 2)
    for (const name of locks) assert.ok(Buffer.byteLength(name) <= 255)
    origin.openAll()
    await Promise.all(downloads)
    for (const dest of dests) assert.equal(hashOf(dest), origin.sha256)
    assert.deepEqual(await filesUnder(locksDir), [])
  })
})

describe('what cannot work is refused', () => {
  const URL_ = 'http://127.0.0.1:9/tool.bin'
  const DEST = join(tmpdir(), 'lock-spec-of-nothing', 'tool.bin')
  const cases = [
    ['url', [undefined, DEST]],
    ['url', [42, DEST]],
    ['url', [null, DEST]],
    ['destPath', [URL_]],
    ['destPath', [URL_, 42]],
    ['destPath', [URL_, null]],
    ['options', [URL_, DEST, 'fast']],
    ['options', [URL_, DEST, 42]],
    ['lockTimeout', [URL_, DEST, { lockTimeout: 'long' }]],
    ['staleTimeout', [URL_, DEST, { staleTimeout: '300' }]],
    ['pollInterval', [URL_, DEST, { pollInterval: {} }]],
    ['settleDelay', [URL_, DEST, { settleDelay: 'none' }]],
    ['locksDir', [URL_, DEST, { locksDir: 42 }]],
    ['onProgress', [URL_, DEST, { onProgress: 'yes' }]],
    ['retries', [URL_, DEST, { retries: 'many' }]],
  ]
  for (const [name, args] of cases) {
    const shown = args.map((arg) => JSON.stringify(arg) ?? 'undefined').join(', ')
    test(`with a TypeError that names ${name}: (${shown})`, async () => {
      await assert.rejects(
        () => downloadWithLock(...args),
        (error) => {
          assert.ok(error instanceof TypeError, `${error}`)
          assert.match(error.message, new RegExp(`\\b${name}\\b`))
          assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
          return true
        },
      )
      assert.ok(!existsSync(dirname(DEST)))
    })
  }

  test('a URL that is none rejects and leaves nothing behind', async (t) => {
    const { dir, dest } = await setStage(t)
    await assert.rejects(downloadWithLock('not a url', dest), { code: 'ERR_INVALID_URL' })
    assert.deepEqual(await filesUnder(dir), [])
  })

  test('a destination whose parent is a file rejects', async (t) => {
    const { dir, origin } = await setStage(t)
    writeFileSync(join(dir, 'plain'), 'not a directory')
    await assert.rejects(downloadWithLock(origin.url, join(dir, 'plain', 'tool.bin')), Error)
    assert.equal(origin.requests.length, 0)
    assert.deepEqual(await filesUnder(dir), ['plain'])
  })

  test('undefined options and an options object without a prototype mean the defaults', async (t) => {
    const { dir, origin } = await setStage(t)
    const bare = Object.assign(Object.create(null), { lockTimeout: undefined })
    await downloadWithLock(origin.url, join(dir, 'one'), undefined)
    await downloadWithLock(origin.url, join(dir, 'two'), bare)
    assert.deepEqual(await filesUnder(dir), ['one', 'two'])
  })
})

test('a file that somebody changes all the time does not hang a call beyond lockTimeout', async (t) => {
  const { dest, lock, origin } = await setStage(t)
  await mkdir(dirname(lock), { recursive: true })
  writeFileSync(dest, 'there')
  const restless = setInterval(() => utimesSync(dest, Date.now() / 1000, Date.now() / 1000), 30)
  t.after(() => clearInterval(restless))
  const started = performance.now()
  await assert.rejects(downloadWithLock(origin.url, dest, { lockTimeout: 700 }), {
    code: 'ERR_LOCK_TIMEOUT',
  })
  assert.ok(performance.now() - started < 10_000)
})
