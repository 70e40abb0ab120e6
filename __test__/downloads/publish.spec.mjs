// How a file appears, and what happens when it cannot.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { downloadWithLock, httpDownload } from '@socketsecurity/registry'
import { startHalfway, startOrigin } from '../helpers/origins/http-origin.mjs'
import { startJob, whyNot } from '../helpers/processes/job-process.mjs'
import { filesUnder } from '../helpers/processes/lock-stage.mjs'
import { codes, rejection, temporaryDirectory, until } from '../helpers/support.mjs'

const windows = process.platform === 'win32'
const isRoot = process.getuid?.() === 0
const functions = { httpDownload, downloadWithLock }
const body = randomBytes(300_000)
const RETRIES = { retries: 3, retryDelay: 1 }
const NOBODY = 65_534

const modeOf = (path) => statSync(path).mode & 0o7777

describe('the mode of a published file', { skip: windows }, () => {
  for (const mode of [0o755, 0o700, 0o644, 0o600, 0o444, 0o200, 0o4755, 0o1777]) {
    const shown = mode.toString(8)
    for (const [name, download] of Object.entries(functions)) {
      test(`is ${shown} with ${name}, whatever the umask`, async (t) => {
        const origin = await startOrigin(t, { body })
        const destination = join(temporaryDirectory(t), 'file')
        const before = process.umask(0o077)
        try {
          await download(origin.url, destination, { mode })
        } finally {
          process.umask(before)
        }
        assert.equal(modeOf(destination).toString(8), shown)
      })
    }
  }

  test('is that of any new file by default', async (t) => {
    const origin = await startOrigin(t, { body })
    const directory = temporaryDirectory(t)
    await httpDownload(origin.url, join(directory, 'file'))
    writeFileSync(join(directory, 'other'), '')
    assert.equal(modeOf(join(directory, 'file')), modeOf(join(directory, 'other')))
  })

  test('is there from the first moment', async (t) => {
    const { origin, finish } = await startHalfway(t, body)
    const destination = join(temporaryDirectory(t), 'file')
    const watcher = startJob(t, 'watch-appearance', { path: destination })
    const download = httpDownload(origin.url, destination, { mode: 0o751 })
    await watcher.event('watching')
    await until(() => origin.requests.length > 0, 'the request')
    finish()
    const { mode, size, looks } = await watcher.event('appeared')
    await download
    assert.ok(looks > 10, `the watcher looked ${looks} times`)
    assert.deepEqual({ mode: mode.toString(8), size }, { mode: '751', size: body.length })
  })

  test('is there from the first moment also over an older file, many times', async (t) => {
    const origin = await startOrigin(t, { body })
    const destination = join(temporaryDirectory(t), 'file')
    for (let round = 0; round < 8; round += 1) {
      writeFileSync(destination, 'older')
      chmodSync(destination, 0o604)
      const job = { path: destination, not: statSync(destination).ino }
      const watcher = startJob(t, 'watch-appearance', job)
      await watcher.event('watching')
      await httpDownload(origin.url, destination, { mode: 0o751 })
      const { mode, size } = await watcher.event('appeared')
      assert.deepEqual({ mode: mode.toString(8), size }, { mode: '751', size: body.length })
    }
  })

  for (const [mode, code] of [
    ['755', 'ERR_INVALID_ARG_TYPE'],
    [true, 'ERR_INVALID_ARG_TYPE'],
    [-1, 'ERR_INVALID_ARG_VALUE'],
    [1.5, 'ERR_INVALID_ARG_VALUE'],
    [Number.NaN, 'ERR_INVALID_ARG_VALUE'],
    [0o10000, 'ERR_INVALID_ARG_VALUE'],
  ]) {
    test(`cannot be ${JSON.stringify(mode)}`, async (t) => {
      const directory = temporaryDirectory(t)
      const error = await rejection(
        httpDownload('http://127.0.0.1:9', join(directory, 'file'), { mode }),
      )
      assert.ok(error instanceof TypeError, `${error}`)
      assert.match(error.message, /\bmode\b/)
      assert.equal(error.code, code)
      assert.deepEqual(readdirSync(directory), [])
    })
  }
})

describe('fsync', () => {
  for (const fsync of [true, false, undefined]) {
    for (const [name, download] of Object.entries(functions)) {
      test(`${fsync} is accepted by ${name}`, async (t) => {
        const origin = await startOrigin(t, { body })
        const directory = temporaryDirectory(t)
        const destination = join(directory, 'file')
        await download(origin.url, destination, { fsync, mode: 0o755 })
        assert.ok(readFileSync(destination).equals(body))
        assert.deepEqual(await filesUnder(directory), ['file'])
      })
    }
  }

  test('cannot be a string', async (t) => {
    const directory = temporaryDirectory(t)
    const call = httpDownload('http://127.0.0.1:9', join(directory, 'file'), { fsync: 'yes' })
    const error = await rejection(call)
    assert.ok(error instanceof TypeError)
    assert.match(error.message, /\bfsync\b/)
  })
})

describe('on a file system that is full', { skip: whyNot('unshare', '-m') }, () => {
  const SMALL = 'mount -t tmpfs -o size=1m none "$0" && echo older > "$0/older" && exec "$@"'
  const FULL = 4 << 20
  for (const how of Object.keys(functions)) {
    for (const [what, headers] of [
      ['with a length', { 'Content-Length': FULL }],
      ['in chunks', {}],
    ]) {
      for (const name of ['new', 'older']) {
        test(`${how} of a body ${what} onto ${name === 'new' ? 'nothing' : 'a file'}`, async (t) => {
          const origin = await startOrigin(t, (_request, response) => {
            response.writeHead(200, { ...headers, ETag: '"1"', 'Accept-Ranges': 'bytes' })
            response.end(Buffer.alloc(FULL, 'x'))
          })
          const directory = temporaryDirectory(t)
          // To downloadWithLock a file that is there is the result, unless it is the wrong one.
          const options = { ...RETRIES, sha256: '0'.repeat(64) }
          const job = { how, url: origin.url, destPath: join(directory, name), directory, options }
          const wrapper = ['unshare', '-m', 'sh', '-c', SMALL, directory]
          const failed = await startJob(t, 'download-job', job, wrapper).event('failed')
          assert.ok(failed.causes.includes('ENOSPC'), `${failed.causes}: ${failed.message}`)
          assert.match(failed.message, /^(Failed to write file|HTTP download failed): ./)
          assert.ok(failed.took < 10_000, `it took ${failed.took} ms`)
          assert.equal(origin.requests.length, 1, 'it was tried again')
          const left = failed.left.filter((each) => each !== '.locks')
          assert.deepEqual(left, ['older'], 'something is left')
        })
      }
    }
  }
})

describe('on a file system that is read-only', { skip: whyNot('unshare', '-m') }, () => {
  const READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
  for (const how of Object.keys(functions)) {
    test(`${how} has the code EROFS`, async (t) => {
      const origin = await startOrigin(t, { body })
      const directory = temporaryDirectory(t)
      const options = RETRIES
      for (const destPath of [join(directory, 'file'), join(directory, 'new', 'file')]) {
        const before = origin.requests.length
        const job = { how, url: origin.url, destPath, directory, options }
        const wrapper = ['unshare', '-m', 'sh', '-c', READ_ONLY, directory]
        const failed = await startJob(t, 'download-job', job, wrapper).event('failed')
        assert.ok(failed.causes.includes('EROFS'), `${failed.causes}: ${failed.message}`)
        assert.equal(typeof failed.path, 'string')
        assert.ok(failed.took < 10_000, `it took ${failed.took} ms`)
        assert.ok(origin.requests.length - before <= 1, 'it was tried again')
        assert.deepEqual(failed.left, [])
      }
    })
  }

  test('downloadWithLock returns a file that is there', async (t) => {
    const origin = await startOrigin(t, { body })
    const directory = temporaryDirectory(t)
    const destPath = join(directory, 'file')
    writeFileSync(destPath, body)
    const job = { how: 'downloadWithLock', url: origin.url, destPath, directory }
    const wrapper = ['unshare', '-m', 'sh', '-c', READ_ONLY, directory]
    const { size } = await startJob(t, 'download-job', job, wrapper).event('done')
    assert.equal(size, body.length)
    assert.equal(origin.requests.length, 0)
  })
})

describe('without permission', { skip: windows }, () => {
  // Root may write everywhere, so that a process of root becomes somebody else first.
  const uid = isRoot ? NOBODY : undefined
  for (const how of Object.keys(functions)) {
    for (const [what, path] of [
      ['in a directory of others', 'file'],
      ['in a directory that would have to be made there', join('new', 'file')],
      ['in a directory that nobody may enter', join('closed', 'file')],
    ]) {
      test(`${how} ${what} has the code EACCES`, async (t) => {
        const origin = await startOrigin(t, { body })
        const directory = temporaryDirectory(t)
        mkdirSync(join(directory, 'closed'))
        chmodSync(join(directory, 'closed'), 0)
        chmodSync(directory, 0o555)
        const job = { how, url: origin.url, destPath: join(directory, path), options: RETRIES, uid }
        const failed = await startJob(t, 'download-job', job).event('failed')
        assert.ok(failed.causes.includes('EACCES'), `${failed.causes}: ${failed.message}`)
        assert.equal(typeof failed.path, 'string')
        assert.ok(failed.took < 10_000, `it took ${failed.took} ms`)
        assert.ok(origin.requests.length <= 1, 'it was tried again')
        assert.deepEqual(readdirSync(directory), ['closed'])
        chmodSync(directory, 0o755)
      })
    }
  }

  test('downloadWithLock returns a file that is there', async (t) => {
    const origin = await startOrigin(t, { body })
    const directory = temporaryDirectory(t)
    const destPath = join(directory, 'file')
    writeFileSync(destPath, body)
    chmodSync(directory, 0o555)
    const job = { how: 'downloadWithLock', url: origin.url, destPath, uid }
    const { size } = await startJob(t, 'download-job', job).event('done')
    assert.equal(size, body.length)
    assert.equal(origin.requests.length, 0)
    assert.deepEqual(readdirSync(directory), ['file'])
    chmodSync(directory, 0o755)
  })
})

describe('a destination that cannot be', () => {
  for (const [name, download] of Object.entries(functions)) {
    for (const [what, code, pathIn] of [
      ['is a directory', 'EISDIR', (directory) => join(directory, 'taken')],
      ['is the directory above', 'EISDIR', (directory) => directory],
      ['is below a file', 'ENOTDIR', (directory) => join(directory, 'plain', 'file')],
      ['is far below a file', 'ENOTDIR', (directory) => join(directory, 'plain', 'a', 'b', 'file')],
      ['has too long a name', 'ENAMETOOLONG', (directory) => join(directory, 'n'.repeat(256))],
      [
        'has too long a path',
        'ENAMETOOLONG',
        (directory) => join(directory, ...Array(50).fill('d'.repeat(100)), 'file'),
      ],
    ]) {
      test(`because it ${what}: ${name} has the code ${code}`, { skip: windows }, async (t) => {
        const origin = await startOrigin(t, { body })
        const outer = temporaryDirectory(t)
        const directory = join(outer, 'inner')
        mkdirSync(join(directory, 'taken'), { recursive: true })
        writeFileSync(join(directory, 'taken', 'inside'), 'kept')
        writeFileSync(join(directory, 'plain'), 'kept')
        const started = performance.now()
        const error = await rejection(download(origin.url, pathIn(directory), RETRIES))
        assert.ok(codes(error).includes(code), `${codes(error)}: ${error.message}`)
        assert.equal(typeof error.path, 'string')
        assert.ok(performance.now() - started < 10_000)
        assert.ok(origin.requests.length <= 1, 'it was tried again')
        const kept = (await filesUnder(outer)).filter((each) => !each.startsWith('.locks'))
        assert.deepEqual(kept, [join('inner', 'plain'), join('inner', 'taken', 'inside')])
      })
    }
  }
})

describe('when things vanish midway', () => {
  for (const [name, download] of Object.entries(functions)) {
    test(`${name} without its directory rejects, or the file is whole`, async (t) => {
      const { origin, finish } = await startHalfway(t, body)
      const directory = join(temporaryDirectory(t), 'parent')
      const destination = join(directory, 'file')
      const call = download(origin.url, destination, { retries: 1, retryDelay: 1 })
      const settled = call.then(
        (result) => ({ result }),
        (error) => ({ error }),
      )
      await until(() => isWritten(directory), 'bytes are on disk')
      rmSync(directory, { recursive: true })
      finish()
      const { result, error } = await settled
      if (result) assert.ok(readFileSync(destination).equals(body))
      else {
        assert.ok(error instanceof Error)
        assert.equal(typeof error.code, 'string')
        assert.ok(!existsSync(destination))
      }
      // The next call is not hindered by what happened.
      await download(origin.url, destination)
      assert.ok(readFileSync(destination).equals(body))
      assert.deepEqual(await filesUnder(directory), ['file'])
    })

    test(`${name} without its part file rejects, or the file is whole`, async (t) => {
      const { origin, finish } = await startHalfway(t, body)
      const directory = temporaryDirectory(t)
      const destination = join(directory, 'file')
      const call = download(origin.url, destination)
      const settled = call.then(
        (result) => ({ result }),
        (error) => ({ error }),
      )
      await until(() => isWritten(directory), 'bytes are on disk')
      for (const each of readdirSync(directory)) {
        if (each !== '.locks') rmSync(join(directory, each))
      }
      finish()
      const { result, error } = await settled
      if (result) assert.ok(readFileSync(destination).equals(body))
      else {
        assert.equal(typeof error.code, 'string')
        assert.ok(!existsSync(destination))
      }
      await download(origin.url, destination)
      assert.ok(readFileSync(destination).equals(body))
      assert.deepEqual(await filesUnder(directory), ['file'])
    })
  }

  test('an older destination is replaced though it was removed meanwhile', async (t) => {
    const { origin, finish } = await startHalfway(t, body)
    const directory = temporaryDirectory(t)
    const destination = join(directory, 'file')
    writeFileSync(destination, 'older')
    const call = httpDownload(origin.url, destination)
    await until(() => isWritten(directory), 'bytes are on disk')
    rmSync(destination)
    finish()
    await call
    assert.ok(readFileSync(destination).equals(body))
    assert.deepEqual(readdirSync(directory), ['file'])
  })

  test('a directory that was put at the destination meanwhile stays', async (t) => {
    const { origin, finish } = await startHalfway(t, body)
    const directory = temporaryDirectory(t)
    const destination = join(directory, 'file')
    const call = httpDownload(origin.url, destination)
    const rejected = rejection(call)
    await until(() => isWritten(directory), 'bytes are on disk')
    mkdirSync(destination)
    writeFileSync(join(destination, 'inside'), 'kept')
    finish()
    const error = await rejected
    assert.ok(error instanceof Error)
    assert.equal(readFileSync(join(destination, 'inside'), 'utf8'), 'kept')
  })

  /** Whether a file in a directory has bytes of the body. */
  function isWritten(directory) {
    if (!existsSync(directory)) return false
    return readdirSync(directory).some((name) => {
      const stats = statSync(join(directory, name), { throwIfNoEntry: false })
      return stats?.isFile() && stats.size >= 150_000
    })
  }
})

describe('a published program', { skip: windows || !existsSync('/bin/true') }, () => {
  const rounds = process.env.LONG_TESTS ? 1000 : 200
  test(`runs at once, ${rounds} times, while its process forks all the time`, async (t) => {
    const origin = await startOrigin(t, { body: readFileSync('/bin/true') })
    const directory = temporaryDirectory(t)
    const jobs = ['a', 'b'].map((name) => {
      mkdirSync(join(directory, name))
      const job = {
        url: origin.url,
        directory: join(directory, name),
        rounds: rounds / 2,
        threads: 3,
      }
      return startJob(t, 'run-published', job)
    })
    for (const job of jobs) {
      const { runs, failed } = await job.event('ran', 300_000)
      assert.equal(runs, (rounds / 2) * 3)
      assert.deepEqual(failed, [], `${failed.length} of ${runs} runs failed`)
    }
  })
})
