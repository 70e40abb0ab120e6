// Mirrors and several processes: one downloads, from a source that has the file. After a process
// that was killed, or a call that was aborted, the next one publishes one representation, whole.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { failures, startFailing } from '../helpers/origins/failing-source.mjs'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { honest, rangeStart, representation } from '../helpers/origins/resume-origin.mjs'
import { startJob } from '../helpers/processes/job-process.mjs'
import { dice } from '../helpers/seeded-random.mjs'
import { rejection, sleep, temporaryDirectory, until } from '../helpers/support.mjs'

const SIZE = 200_000
const ROUNDS = process.env.LONG_TESTS ? 200 : 24

const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')
const at = (origin) => `${origin.url}/file`

function place(t) {
  const directory = temporaryDirectory(t)
  return { directory, destination: join(directory, 'file') }
}

/** A handler that sends what is asked for slowly: in so many pieces, some milliseconds apart. */
function trickle(
  { body, validators },
  { pieces = 20, pause = 10, from: first = 0, to = body.length } = {},
) {
  return async (request, response) => {
    const condition = request.headers['if-range']
    const isSame = condition === undefined || condition === validators.ETag
    const from = (isSame && rangeStart(request)) || first
    response.writeHead(from > 0 ? 206 : 200, {
      ...validators,
      'Content-Length': body.length - from,
      ...(from > 0 && { 'Content-Range': `bytes ${from}-${body.length - 1}/${body.length}` }),
    })
    response.flushHeaders()
    const piece = Math.ceil(body.length / pieces)
    for (let start = from; start < to && !response.destroyed; start += piece) {
      response.write(body.subarray(start, Math.min(start + piece, to)))
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
    if (to < body.length) response.destroy()
    else response.end()
  }
}

describe('of several processes one goes through the sources', () => {
  for (const how of [
    'refuses connections',
    'responds with 404',
    'stalls at 50 %',
    'sends other bytes',
  ]) {
    test(`when the first source ${how}`, async (t) => {
      const file = representation(SIZE, { ETag: '"ours"' })
      const first = await startFailing(t, failures[how], file)
      const mirror = await startOrigin(t, trickle({ ...file, validators: { ETag: '"theirs"' } }))
      const { directory, destination } = place(t)
      // The mirror must keep it, on a busy machine, too.
      const options = { mirrors: [at(mirror)], sha256: hash(file.body), idleTimeout: 3000 }
      const job = { url: first.url, destPath: destination, options }
      const jobs = Array.from({ length: 4 }, () => startJob(t, 'mirror-job', job))
      const done = await Promise.all(jobs.map((each) => each.event('done', 60_000)))
      for (const { sha256 } of done) assert.equal(sha256, options.sha256)
      assert.deepEqual(
        done.map(({ source }) => source).filter(Boolean),
        [at(mirror)],
        'one of them downloaded, and the others know of no source',
      )
      assert.equal(mirror.requests.length, 1)
      assert.deepEqual(readdirSync(directory).sort(), ['.locks', 'file'])
    })
  }
})

test('calls in one process share the sources, and a failure of all of them', async (t) => {
  const first = await startOrigin(t, { status: 404 })
  const mirror = await startOrigin(t, { status: 410 })
  const options = { mirrors: [at(mirror)] }
  const { destination } = place(t)
  const calls = Array.from({ length: 5 }, () => downloadWithLock(at(first), destination, options))
  const errors = await Promise.all(calls.map(rejection))
  for (const error of errors) {
    assert.equal(error.code, 'ERR_ALL_SOURCES_FAILED')
    assert.equal(error.url, at(first))
    assert.deepEqual(
      error.errors.map(({ status }) => status),
      [404, 410],
    )
  }
  assert.deepEqual([first.requests.length, mirror.requests.length], [1, 1])
})

test('a call with mirrors that joined one without tries its own', async (t) => {
  const file = representation(1000, { ETag: '"v"' })
  // Refuses when both calls are there: whichever began first would download for both.
  let refuse
  const first = await startOrigin(t, (_, response) => {
    refuse = () => response.writeHead(404).end()
  })
  const mirror = await startOrigin(t, honest(file))
  const { destination } = place(t)
  const bare = rejection(downloadWithLock(at(first), destination))
  await until(() => refuse, 'the first call has asked')
  const other = downloadWithLock(at(first), destination, { mirrors: [at(mirror)] })
  await sleep(100)
  refuse()
  assert.equal((await bare).code, 'ERR_HTTP_STATUS')
  assert.equal((await other).source, at(mirror))
})

test('a digest that another call expected of all sources does not reject this one', async (t) => {
  const file = representation(1000, { ETag: '"v"' })
  const first = await startOrigin(t, honest(file))
  const mirror = await startOrigin(t, honest(file))
  const { destination } = place(t)
  const mirrors = [at(mirror)]
  const wrong = rejection(
    downloadWithLock(at(first), destination, { mirrors, sha256: '0'.repeat(64) }),
  )
  const right = downloadWithLock(at(first), destination, { mirrors, sha256: hash(file.body) })
  assert.equal((await wrong).code, 'ERR_ALL_SOURCES_FAILED')
  assert.equal((await right).source, at(first))
})

test('the part of a killed process is resumed, from any source', async (t) => {
  const file = representation(SIZE, { ETag: '"ours"' })
  const first = await startOrigin(t, [trickle(file, { pause: 50 }), { status: 404 }])
  const mirror = await startOrigin(t, honest({ ...file, validators: { ETag: '"theirs"' } }))
  const { destination } = place(t)
  const options = { mirrors: [at(mirror)], sha256: hash(file.body) }
  const job = startJob(t, 'mirror-job', { url: at(first), destPath: destination, options })
  const part = `${destination}.part`
  await until(
    () => existsSync(part) && readFileSync(part).length > SIZE / 4,
    'a part is there',
    10_000,
  )
  job.kill('SIGKILL')
  await job.exit
  const result = await downloadWithLock(at(first), destination, options)
  assert.ok(result.resumedFrom > SIZE / 4, `resumed from ${result.resumedFrom}`)
  assert.equal(result.source, at(mirror))
  assert.ok(readFileSync(destination).equals(file.body))
})

for (const hasDigest of [false, true]) {
  const under = hasDigest ? 'under a digest' : 'without a digest'
  test(`killed at any moment, ${under}, it leaves nothing that becomes a mixture`, async (t) => {
    const seed = Date.now() & 0xffff
    const { between, pick, chance } = dice(seed)
    for (let round = 0; round < ROUNDS / 2; round += 1) {
      const ours = representation(SIZE, { ETag: '"ours"' })
      // Equal in length: only the bytes tell.
      const theirs = {
        body: hasDigest && chance(0.5) ? ours.body : representation(SIZE).body,
        validators: { ETag: '"theirs"' },
      }
      const first = await startOrigin(t, trickle(ours, { to: between(0, SIZE) }))
      const mirror = await startOrigin(t, trickle(theirs, { to: pick([SIZE, between(0, SIZE)]) }))
      const { directory, destination } = place(t)
      const options = { mirrors: [at(mirror)], retryDelay: 1, retries: between(0, 1) }
      if (hasDigest) options.sha256 = hash(theirs.body)
      const how = pick(['httpDownload', 'downloadWithLock'])
      const job = startJob(t, 'mirror-job', { how, url: at(first), destPath: destination, options })
      await job.event('calling')
      await sleep(between(0, 500))
      job.kill('SIGKILL')
      await job.exit
      const last = await startOrigin(t, honest({ ...theirs, validators: { ETag: '"last"' } }))
      const sources = hasDigest
        ? [at(first), at(mirror), at(last)]
        : [at(mirror), at(first), at(last)]
      const [url, ...mirrors] = sources
      const digest = hasDigest ? { sha256: options.sha256 } : {}
      const result = await httpDownload(url, destination, { mirrors, ...digest })
      const published = readFileSync(destination)
      const where = `seed ${seed}, round ${round}, ${how}, from ${result.source}`
      assert.ok(published.equals(theirs.body) || (!hasDigest && published.equals(ours.body)), where)
      const left = readdirSync(directory).filter((name) => name !== '.locks')
      assert.deepEqual(left, ['file'], where)
    }
  })

  test(`aborted at any moment, ${under}, it ends at once, and what it leaves is no mixture`, async (t) => {
    const seed = Date.now() & 0xffff
    const { between, pick } = dice(seed)
    for (let round = 0; round < ROUNDS; round += 1) {
      const ours = representation(SIZE, { ETag: '"ours"' })
      const theirs = representation(SIZE, { ETag: '"theirs"' })
      const first = await startOrigin(t, trickle(ours, { pause: 2, to: between(0, SIZE) }))
      const mirror = await startOrigin(t, trickle(theirs, { pause: 2 }))
      const { directory, destination } = place(t)
      const options = { mirrors: [at(mirror)] }
      if (hasDigest) options.sha256 = hash(theirs.body)
      const download = pick([httpDownload, downloadWithLock])
      const delay = between(0, 150)
      const where = `seed ${seed}, round ${round}, ${download.name}, after ${delay} ms`
      const signal = AbortSignal.timeout(delay)
      const outcome = await download(at(first), destination, { ...options, signal }).catch(
        (error) => error,
      )
      if (outcome instanceof Error) {
        assert.equal(outcome.code, 'ABORT_ERR', where)
        assert.equal(outcome.url, at(first), where)
        // It may have been published in the same moment.
        if (existsSync(destination)) {
          const whole = readFileSync(destination)
          assert.ok(whole.equals(theirs.body) || (!hasDigest && whole.equals(ours.body)), where)
        }
      }
      const left = readdirSync(directory)
      await sleep(30)
      assert.deepEqual(readdirSync(directory), left, `something went on: ${where}`)
      const result = await httpDownload(at(first), destination, options)
      assert.equal(result.size, SIZE)
      const published = readFileSync(destination)
      assert.ok(published.equals(theirs.body) || (!hasDigest && published.equals(ours.body)), where)
      if (!hasDigest) {
        const expected = result.source === at(first) ? ours : theirs
        assert.ok(published.equals(expected.body), `not of ${result.source}: ${where}`)
      }
    }
  })
}

describe('a waiter without lockTimeout', () => {
  const skip = !process.env.LONG_TESTS && 'takes two minutes: set LONG_TESTS=1'

  test('waits while bytes arrive at the holder, and gives up a minute after the last', {
    skip,
  }, async (t) => {
    const file = representation(SIZE, { ETag: '"v"' })
    const slowly = trickle(file, { pieces: 10, pause: 9000, to: SIZE - 1 })
    const origin = await startOrigin(t, async (request, response) => {
      response.destroy = () => {}
      await slowly(request, response)
    })
    const { destination } = place(t)
    const holder = startJob(t, 'mirror-job', {
      url: at(origin),
      destPath: destination,
      options: { timeout: 0 },
    })
    await until(() => origin.requests.length > 0, 'the holder downloads', 10_000)
    const waiter = startJob(t, 'mirror-job', { url: at(origin), destPath: destination })
    const started = performance.now()
    const patient = startJob(t, 'mirror-job', {
      url: at(origin),
      destPath: destination,
      options: { lockTimeout: 40_000 },
    })
    const given = await patient.event('failed', 60_000)
    assert.match(given.message, /^Lock acquisition timed out after 40000ms/)
    const { message } = await waiter.event('failed', 240_000)
    assert.equal(message, `Lock acquisition timed out after 60000ms (held by PID ${holder.pid})`)
    const waited = performance.now() - started
    assert.ok(waited > 120_000, `gave up after ${waited} ms, while bytes arrived`)
  })
})
