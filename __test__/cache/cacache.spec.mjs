// lib/cacache: what it writes npm's cacache reads and verifies, and the other way round.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { clear, get, put, remove, safeGet, withTmp } from '@socketsecurity/registry/lib/cacache'
import npm from 'cacache'
import { startJob, whyNot } from '../helpers/processes/job-process.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

/** A cache of this test alone. */
function cacheOf(t) {
  const before = process.env.SOCKET_CACACHE_DIR
  const cache = join(temporaryDirectory(t), 'cache')
  process.env.SOCKET_CACACHE_DIR = cache
  t.after(() => {
    if (before === undefined) delete process.env.SOCKET_CACACHE_DIR
    else process.env.SOCKET_CACACHE_DIR = before
  })
  return cache
}

function bucketOf(cache, key) {
  const hash = createHash('sha256').update(key).digest('hex')
  return join(cache, 'index-v5', hash.slice(0, 2), hash.slice(2, 4), hash.slice(4))
}

const sri = (data, algorithm = 'sha512') =>
  `${algorithm}-${createHash(algorithm).update(data).digest('base64')}`
const KEYS = ['plain', 'with space', 'tab\tand\nline', 'ü 漢 🎉', '../../up', 'a'.repeat(5000), '']
const DATA = [Buffer.alloc(0), Buffer.from('text'), Buffer.alloc(5 << 20, 'large')]
const METADATA = [undefined, null, 0, 'ü', [1, { a: null }], { z: 1, a: { b: [true, 1e21, 0.1] } }]

describe("what we write, npm's cacache", () => {
  test('reads, with whatever key, data and metadata', async (t) => {
    const cache = cacheOf(t)
    for (const key of KEYS) {
      for (const [index, data] of DATA.entries()) {
        for (const metadata of index === 1 ? METADATA : [undefined]) {
          assert.equal(await put(key, data, { metadata }), sri(data))
          const entry = await npm.get(cache, key)
          assert.ok(entry.data.equals(data))
          assert.equal(entry.size, data.length)
          assert.equal(entry.integrity, sri(data))
          assert.deepEqual(entry.metadata, metadata)
        }
      }
    }
    assert.deepEqual(Object.keys(await npm.ls(cache)).sort(), [...KEYS].sort())
  })

  test('verifies and stores', async (t) => {
    const cache = cacheOf(t)
    for (const key of KEYS) await put(key, key, { metadata: { key } })
    const { verifiedContent, badContentCount, missingContent } = await npm.verify(cache)
    assert.deepEqual([verifiedContent, badContentCount, missingContent], [KEYS.length, 0, 0])
    for (const key of KEYS) {
      const { data, metadata } = await get(key)
      assert.equal(`${data}`, key)
      assert.deepEqual(metadata, { key })
    }
  })

  test('puts into the same bucket, and removes for us as we for it', async (t) => {
    const cache = cacheOf(t)
    await put('key', 'ours')
    assert.ok(existsSync(bucketOf(cache, 'key')))
    await npm.put(cache, 'key', 'theirs')
    assert.equal(`${(await get('key')).data}`, 'theirs')
    await put('key', 'ours again')
    assert.equal(`${(await npm.get(cache, 'key')).data}`, 'ours again')
    assert.equal(readFileSync(bucketOf(cache, 'key'), 'utf8').trim().split('\n').length, 3)
    await npm.rm.entry(cache, 'key')
    assert.equal(await safeGet('key'), undefined)
    await put('key', 'back')
    await remove('key')
    assert.equal(await npm.get.info(cache, 'key'), null)
  })
})

describe("what npm's cacache writes, we", () => {
  test('read, with whatever key, data and metadata', async (t) => {
    const cache = cacheOf(t)
    for (const key of KEYS) {
      for (const [index, data] of DATA.entries()) {
        for (const metadata of index === 1 ? METADATA : [undefined]) {
          const integrity = await npm.put(cache, key, data, { metadata })
          const info = await npm.get.info(cache, key)
          const entry = await get(key)
          assert.ok(entry.data.equals(data))
          assert.deepEqual(
            { ...entry, data: undefined, metadata: undefined },
            {
              key,
              data: undefined,
              metadata: undefined,
              integrity: integrity.toString(),
              path: info.path,
              size: data.length,
              time: info.time,
            },
          )
          assert.deepEqual(entry.metadata, metadata)
        }
      }
    }
  })

  test('verify with every algorithm', async (t) => {
    const cache = cacheOf(t)
    for (const algorithm of ['sha512', 'sha384', 'sha256', 'sha1']) {
      await npm.put(cache, algorithm, 'data', { algorithms: [algorithm] })
      const { data, integrity, path } = await get(algorithm)
      assert.equal(`${data}`, 'data')
      assert.equal(integrity, sri('data', algorithm))
      writeFileSync(path, 'Data')
      assert.equal((await rejection(get(algorithm))).code, 'ERR_INTEGRITY')
    }
  })

  test('read whatever its time is', async (t) => {
    const cache = cacheOf(t)
    await put('key', 'old')
    for (const time of [1.5, -1, 1e21, 'x']) {
      await npm.put(cache, 'key', `${time}`, { time })
      assert.equal(`${(await get('key')).data}`, `${time}`)
    }
  })

  test('read though it was written by a stream, without a size', async (t) => {
    const cache = cacheOf(t)
    await npm.index.insert(cache, 'key', await npm.put(cache, 'other', 'data'))
    assert.equal(`${(await get('key')).data}`, 'data')
  })
})

describe('an entry that is broken', () => {
  const damages = {
    'changed content': ({ path }) => writeFileSync(path, 'Data'),
    'truncated content': ({ path }) => truncateSync(path, 2),
    'empty content': ({ path }) => truncateSync(path, 0),
    'longer content': ({ path }) => appendFileSync(path, 'x'),
    'missing content': ({ path }) => rmSync(path),
  }
  for (const [what, damage] of Object.entries(damages)) {
    test(`${what}: get rejects, safeGet gives undefined, put mends`, async (t) => {
      const cache = cacheOf(t)
      await put('key', 'data')
      damage(await get('key'))
      const error = await rejection(get('key'))
      assert.equal(error.code, what === 'missing content' ? 'ENOENT' : 'ERR_INTEGRITY')
      assert.equal(await safeGet('key'), undefined)
      await put('key', 'data')
      assert.equal(`${(await get('key')).data}`, 'data')
      assert.equal(`${(await npm.get(cache, 'key')).data}`, 'data')
    })
  }

  test('a line of the index that is truncated, or garbage, is ignored', async (t) => {
    const cache = cacheOf(t)
    await put('key', 'first')
    const bucket = bucketOf(cache, 'key')
    const line = readFileSync(bucket, 'utf8')
    for (const garbage of [
      line.slice(0, -5),
      '\n\t{}',
      '\n',
      '\u{fffd}\0',
      line.replace('key', 'kez'),
    ]) {
      appendFileSync(bucket, garbage)
      assert.equal(`${(await get('key')).data}`, 'first')
    }
    appendFileSync(bucket, Buffer.alloc(100, 0xff))
    assert.equal(`${(await get('key')).data}`, 'first')
    await put('key', 'last')
    assert.equal(`${(await get('key')).data}`, 'last')
    assert.equal(`${(await npm.get(cache, 'key')).data}`, 'last')
  })

  test('a bucket that is a directory is an error of get, not of safeGet', async (t) => {
    const cache = cacheOf(t)
    mkdirSync(bucketOf(cache, 'key'), { recursive: true })
    assert.equal((await rejection(get('key'))).code, 'EISDIR')
    assert.equal(await safeGet('key'), undefined)
    assert.equal((await rejection(put('key', 'x'))).code, 'EISDIR')
  })
})

describe('arguments', () => {
  test('what is not there: get rejects with ENOENT and names it, others do not mind', async (t) => {
    const cache = cacheOf(t)
    const error = await rejection(get('key'))
    assert.equal(error.code, 'ENOENT')
    assert.equal(error.message, `No cache entry for key found in ${cache}`)
    assert.equal(await safeGet('key'), undefined)
    assert.equal(await remove('key'), undefined)
    assert.equal(await clear(), 0)
    assert.equal(await clear({ prefix: 'k' }), 0)
    assert.ok(!existsSync(cache), 'something was written')
  })

  test('a key with * and what is no key are TypeErrors', async (t) => {
    cacheOf(t)
    const functions = { get, safeGet, remove, put: (key) => put(key, 'x') }
    for (const [name, call] of Object.entries(functions)) {
      for (const [key, code] of [
        ['a*', 'ERR_INVALID_ARG_VALUE'],
        ['*', 'ERR_INVALID_ARG_VALUE'],
        [1, 'ERR_INVALID_ARG_TYPE'],
        [undefined, 'ERR_INVALID_ARG_TYPE'],
      ]) {
        const error = await rejection(call(key))
        assert.ok(error instanceof TypeError, `${name} ${key}`)
        assert.equal(error.code, code)
      }
    }
    for (const call of [
      () => put('key', 1),
      () => put('key', null),
      () => put('key', 'x', 'y'),
      () => put('key', 'x', { integrity: 1 }),
      () => put('key', 'x', { integrity: 'md5-x' }),
      () => put('key', 'x', { metadata: 1n }),
      () => clear({ prefix: 1 }),
      () => withTmp('x'),
      () => withTmp(),
    ]) {
      const error = await rejection(call())
      assert.ok(error instanceof TypeError, `${call}`)
    }
  })

  test('data with another digest than integrity is not written', async (t) => {
    cacheOf(t)
    const error = await rejection(put('key', 'x', { integrity: sri('y') }))
    assert.equal(error.code, 'ERR_INTEGRITY')
    assert.equal(await safeGet('key'), undefined)
    await put('key', 'x', { integrity: `${sri('y', 'sha256')} ${sri('x')}` })
    assert.equal(`${(await get('key')).data}`, 'x')
  })

  test('bytes may be changed at once after the call', async (t) => {
    cacheOf(t)
    const data = Buffer.from('before')
    const written = put('key', data)
    data.fill(0)
    await written
    assert.equal(`${(await get('key')).data}`, 'before')
  })

  test('without the variable it is below the home directory', async (t) => {
    cacheOf(t)
    delete process.env.SOCKET_CACACHE_DIR
    const { message } = await rejection(get(`never there ${process.pid}`))
    assert.ok(message.endsWith(join(homedir(), '.socket', '_cacache')), message)
  })
})

describe('clear', () => {
  const fill = async () => {
    for (const key of ['a:1', 'a:2', 'b:1', 'b:x:1', 'c']) await put(key, key)
  }

  test('removes everything, and returns how many entries there were', async (t) => {
    const cache = cacheOf(t)
    await fill()
    await npm.put(cache, 'theirs', 'x')
    await put('a:1', 'again')
    await remove('c')
    assert.equal(await clear(), 5)
    assert.equal(await clear(), 0)
    const left = readdirSync(cache, { recursive: true, withFileTypes: true })
    assert.deepEqual(
      left.filter((each) => each.isFile()),
      [],
    )
    assert.deepEqual(await npm.ls(cache), {})
    await fill()
    assert.equal(`${(await get('c')).data}`, 'c')
  })

  test('removes what begins like that; * is anything, and nothing else is special', async (t) => {
    cacheOf(t)
    await fill()
    await put('b?1', 'x')
    assert.equal(await clear({ prefix: 'a' }), 2)
    assert.equal(await clear({ prefix: 'b?' }), 1)
    assert.equal(await clear({ prefix: '*:x' }), 1)
    assert.equal(await clear({ prefix: '*x' }), 0)
    assert.equal(await clear({ prefix: 'b\0' }), 0)
    assert.equal(`${(await get('b:1')).data}`, 'b:1')
    assert.equal(await clear({ prefix: '*' }), 2)
  })

  test('leaves content that another entry has', async (t) => {
    const cache = cacheOf(t)
    await put('a', 'same')
    await put('b', 'same')
    await put('a2', 'own')
    const { path } = await get('a2')
    assert.equal(await clear({ prefix: 'a' }), 2)
    assert.equal(`${(await get('b')).data}`, 'same')
    assert.ok(!existsSync(path))
    assert.equal((await npm.verify(cache)).badContentCount, 0)
  })
})

describe('withTmp', () => {
  test('gives a directory in the cache, removes it, and gives what the callback gives', async (t) => {
    const cache = cacheOf(t)
    let seen
    const result = await withTmp(async (directory) => {
      seen = directory
      writeFileSync(join(directory, 'file'), 'x')
      return 'result'
    })
    assert.equal(result, 'result')
    assert.equal(dirname(dirname(seen)), cache)
    assert.ok(!existsSync(seen))
  })

  test('removes it also when the callback throws', async (t) => {
    cacheOf(t)
    const thrown = new Error('no')
    let seen
    const fail = (directory) => {
      seen = directory
      throw thrown
    }
    assert.equal(await rejection(withTmp(fail)), thrown)
    assert.ok(!existsSync(seen))
  })
})

describe('ten processes that write at once, half of them with the package of npm', () => {
  test('lose nothing', async (t) => {
    const cache = cacheOf(t)
    const jobs = Array.from({ length: 10 }, (_, who) =>
      startJob(t, 'cacache-writer', { cache, writer: who % 2 ? 'npm' : 'ours', who, count: 100 }),
    )
    await Promise.all(jobs.map((job) => job.event('done')))
    for (let who = 0; who < 10; who += 1) {
      for (let index = 0; index < 100; index += 1) {
        const { data, metadata } = await get(`${who}:${index}`)
        assert.equal(`${data}`, `data ${index % 7}`)
        assert.deepEqual(metadata, { who, index })
      }
    }
    const { data, metadata } = await get('common')
    assert.equal(`${data}`, `from ${metadata.who}`)
    assert.equal(readFileSync(bucketOf(cache, 'common'), 'utf8').trim().split('\n').length, 1000)
    const { badContentCount, missingContent } = await npm.verify(cache)
    assert.deepEqual([badContentCount, missingContent], [0, 0])
    assert.equal(await clear(), 1001)
  })
})

describe('on a file system that is full', { skip: whyNot('unshare', '-m') }, () => {
  const SMALL = 'mount -t tmpfs -o size=64k none "$0" && exec "$@"'

  test('put rejects with ENOSPC, and the entry that was there stays', async (t) => {
    const directory = temporaryDirectory(t)
    const wrapper = ['unshare', '-m', 'sh', '-c', SMALL, directory]
    const done = await startJob(t, 'cacache-full', { cache: directory }, wrapper).event('done')
    assert.deepEqual(done.codes, ['ENOSPC', 'ENOSPC'])
    assert.equal(done.data, 'small')
    assert.deepEqual(done.left, [])
  })
})
