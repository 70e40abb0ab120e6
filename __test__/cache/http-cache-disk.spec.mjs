// The cache of HttpClient on disk: shared by processes, and never a reason for a call to fail.

import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { HttpClient } from '@socketsecurity/registry'
import cacache from 'cacache'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { startJob, whyNot } from '../helpers/processes/job-process.mjs'
import { dice } from '../helpers/seeded-random.mjs'
import { sleep, temporaryDirectory, until } from '../helpers/support.mjs'

const counting = (_request, _response, index) => ({ body: JSON.stringify(index) })
const filesBelow = (directory) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath ?? each.path, each.name))
const contentOf = (cacheDir) => filesBelow(join(cacheDir, 'content-v2'))
const indexOf = (cacheDir) => filesBelow(join(cacheDir, 'index-v5'))
/** Of the keys of an earlier format. */
const OUTDATED = 'socket-registry:http:1:'
/** A client that has nothing in memory. */
const newcomer = (origin, cacheDir, options) => {
  const own = { baseUrl: origin.url, cache: 'disk', cacheDir, retryDelay: 1, ...options }
  const client = new HttpClient(own)
  clients.push(client)
  return client
}
const clients = []

// Before the directories are removed.
afterEach(() => Promise.all(clients.splice(0).map((client) => client.flush())))

test('another process finds what one has fetched', async (t) => {
  const origin = await startOrigin(t, counting)
  const cacheDir = temporaryDirectory(t)
  const job = {
    options: { baseUrl: origin.url, cache: true, cacheDir, headers: { Authorization: 'Bearer x' } },
    paths: ['/a', '/b'],
  }
  for (const found of [0, 2]) {
    const { values, metrics } = await startJob(t, 'client-job', job).event('done')
    assert.deepEqual(values, [0, 1])
    assert.equal(metrics.diskHits, found)
  }
  assert.equal(origin.requests.length, 2)
})

test('the directory is that of the environment, unless the caller sets one', async (t) => {
  const origin = await startOrigin(t, counting)
  const directory = temporaryDirectory(t)
  const before = process.env.SOCKET_CACACHE_DIR
  t.after(() => {
    if (before === undefined) delete process.env.SOCKET_CACACHE_DIR
    else process.env.SOCKET_CACACHE_DIR = before
  })
  process.env.SOCKET_CACACHE_DIR = directory
  await new HttpClient({ baseUrl: origin.url, cache: true }).getJson('/')
  assert.equal(contentOf(directory).length, 1)
})

test('no file has a credential, and no other user can read a response', async (t) => {
  const secret = 's3cret'
  const origin = await startOrigin(t, { headers: { Vary: 'Authorization' }, body: '{"private":1}' })
  const cacheDir = temporaryDirectory(t)
  const headers = { Authorization: `Bearer ${secret}`, Cookie: secret, 'X-Api-Key': secret }
  const client = newcomer(origin, cacheDir, { headers })
  await client.getJson(`/x?token=${secret}&a=b#${secret}`)
  await client.getJson(`${origin.url.replace('//', `//user:${secret}@`)}/y`)
  const files = filesBelow(cacheDir)
  assert.ok(files.length > 4)
  for (const file of files) {
    assert.ok(!file.includes(secret), file)
    assert.ok(!readFileSync(file, 'latin1').includes(secret), file)
    assert.ok(!readFileSync(file, 'latin1').includes(btoa(`user:${secret}`)), file)
  }
  if (process.platform === 'win32') return
  const ours = [...contentOf(cacheDir), join(cacheDir, 'socket-registry-http.secret')]
  for (const file of ours) assert.equal(statSync(file).mode & 0o077, 0, file)
})

test('a directory that is removed, or replaced by another one, is one without entries', async (t) => {
  const origin = await startOrigin(t, counting)
  const parent = temporaryDirectory(t)
  const cacheDir = join(parent, 'cache')
  const client = newcomer(origin, cacheDir)
  const get = () => client.getJson('/')
  assert.deepEqual([await get(), await get()], [0, 0])
  rmSync(cacheDir, { recursive: true })
  assert.deepEqual([await get(), await get()], [1, 1])
  renameSync(cacheDir, join(parent, 'moved'))
  assert.deepEqual([await get(), await get()], [2, 2])
})

test("npm's cacache verifies our entries", async (t) => {
  const origin = await startOrigin(t, counting)
  const cacheDir = temporaryDirectory(t)
  await newcomer(origin, cacheDir).getJson('/a')
  const [entry] = Object.values(await cacache.ls(cacheDir))
  assert.equal(`${(await cacache.get(cacheDir, entry.key)).data}`, '0')
  await cacache.verify(cacheDir)
  assert.equal(await newcomer(origin, cacheDir).getJson('/a'), 0)
  assert.equal(origin.requests.length, 1)
})

describe('an entry that is broken is fetched again, and mended', () => {
  const damages = {
    'changed content': (cacheDir) => contentOf(cacheDir).map((file) => writeFileSync(file, '7')),
    'truncated content': (cacheDir) => contentOf(cacheDir).map((file) => truncateSync(file, 0)),
    'missing content': (cacheDir) => contentOf(cacheDir).map((file) => rmSync(file)),
    'truncated index': (cacheDir) =>
      indexOf(cacheDir).map((file) => truncateSync(file, statSync(file).size - 3)),
    'garbage in the index': (cacheDir) =>
      indexOf(cacheDir).map((file) => writeFileSync(file, Buffer.alloc(5000, 0xff))),
    'an entry of somebody else': async (cacheDir) => {
      const [{ key }] = Object.values(await cacache.ls(cacheDir))
      await cacache.put(cacheDir, key, '7', { metadata: { not: 'ours' } })
    },
    'an entry without metadata': async (cacheDir) => {
      const [{ key }] = Object.values(await cacache.ls(cacheDir))
      await cacache.put(cacheDir, key, '7')
    },
    'another secret': (cacheDir) =>
      writeFileSync(join(cacheDir, 'socket-registry-http.secret'), Buffer.alloc(32)),
    'a secret that is none': (cacheDir) =>
      writeFileSync(join(cacheDir, 'socket-registry-http.secret'), 'short'),
  }
  for (const [what, damage] of Object.entries(damages)) {
    test(what, async (t) => {
      const origin = await startOrigin(t, counting)
      const cacheDir = temporaryDirectory(t)
      assert.equal(await newcomer(origin, cacheDir).getJson('/'), 0)
      await damage(cacheDir)
      assert.equal(await newcomer(origin, cacheDir).getJson('/'), 1)
      assert.equal(await newcomer(origin, cacheDir).getJson('/'), 1)
    })
  }
})

describe('a call succeeds though nothing can be cached', () => {
  test('because the directory is a file', async (t) => {
    const origin = await startOrigin(t, counting)
    const file = join(temporaryDirectory(t), 'file')
    writeFileSync(file, '')
    for (const cacheDir of [file, join(file, 'below')]) {
      const client = newcomer(origin, cacheDir)
      assert.equal(typeof (await client.getJson('/')), 'number')
      assert.equal(await client.clearCache(), 0)
    }
    const both = newcomer(origin, file, { cache: true })
    assert.deepEqual([await both.getJson('/'), await both.getJson('/')], [2, 2])
  })

  const SMALL = 'mount -t tmpfs -o size=64k none "$0" && exec "$@"'
  const FULL = `${SMALL.replace(' && exec', ' && mkdir "$0/c" && dd if=/dev/zero of="$0/fill" bs=1k count=100 2>/dev/null; exec')}`
  const skip = whyNot('unshare', '-m')
  for (const [what, script] of Object.entries({ 'too small': SMALL, full: FULL })) {
    test(`because the disk is ${what}`, { skip }, async (t) => {
      const large = JSON.stringify('x'.repeat(100_000))
      const origin = await startOrigin(t, { body: large })
      const directory = temporaryDirectory(t)
      const options = { baseUrl: origin.url, cache: 'disk', cacheDir: join(directory, 'c') }
      const job = { options, paths: ['/a', '/a', '/b'] }
      const wrapper = ['unshare', '-m', 'sh', '-c', script, directory]
      const { values, failures } = await startJob(t, 'client-job', job, wrapper).event('done')
      assert.deepEqual(failures, [])
      assert.equal(values.length, 3)
    })
  }

  test('because the directory is read-only, whose entries are used', { skip }, async (t) => {
    const READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    const origin = await startOrigin(t, counting)
    const cacheDir = temporaryDirectory(t)
    await newcomer(origin, cacheDir).getJson('/a')
    const options = { baseUrl: origin.url, cache: 'disk', cacheDir }
    const job = { options, paths: ['/a', '/b', '/b'] }
    const wrapper = ['unshare', '-m', 'sh', '-c', READ_ONLY, cacheDir]
    const { values, failures } = await startJob(t, 'client-job', job, wrapper).event('done')
    assert.deepEqual([values, failures], [[0, 1, 2], []])
  })

  test('because its files may not be read', {
    skip: process.getuid?.() === 0 && 'root may',
  }, async (t) => {
    const origin = await startOrigin(t, counting)
    const cacheDir = temporaryDirectory(t)
    await newcomer(origin, cacheDir).getJson('/')
    for (const file of filesBelow(cacheDir)) chmodSync(file, 0)
    assert.equal(await newcomer(origin, cacheDir).getJson('/'), 1)
  })
})

test('processes that fetch, expire, clear and break entries at once never get a broken response', async (t) => {
  const random = dice(7)
  const origin = await startOrigin(t, ({ path }) => {
    const text = random.pick('abcdef').repeat(random.between(1, 20_000))
    // Some stay fresh, so that entries are used on the slowest machine.
    const age = path === '/5' ? 60 : 0
    const cached = age === 0 && random.chance(0.5) ? {} : { 'Cache-Control': `max-age=${age}` }
    return {
      headers: { ...cached, ETag: `"${text[0]}${text.length}"` },
      body: JSON.stringify({ path, text }),
    }
  })
  const cacheDir = temporaryDirectory(t)
  const paths = Array.from({ length: 12 }, (_, index) => `/${index}`)
  const options = { baseUrl: origin.url, cacheDir, cacheTtl: 20, retryDelay: 1 }
  const jobs = Array.from({ length: 6 }, (_, index) =>
    startJob(t, 'client-job', {
      options: { ...options, cache: index % 2 === 0 ? true : 'disk' },
      paths,
      milliseconds: 2500,
      least: 60,
    }),
  )
  let working = true
  const vandal = (async () => {
    const client = newcomer(origin, cacheDir)
    while (working) {
      try {
        const file = random.pick(filesBelow(cacheDir).concat(''))
        if (random.chance(0.1)) await client.clearCache('/1')
        else if (file && !file.endsWith('.secret'))
          truncateSync(file, random.below(statSync(file).size + 1))
      } catch {
        // Another process was faster.
      }
      // As fast as the others: on a slow machine nothing would be whole when it is read.
      const before = origin.requests.length
      do await sleep(3)
      while (working && origin.requests.length === before)
    }
  })()
  const done = await Promise.all(jobs.map((job) => job.event('done')))
  working = false
  await vandal
  for (const { failures, calls } of done) {
    assert.deepEqual(failures, [])
    assert.ok(calls > 50, `${calls}`)
  }
  // The jobs without a cache in memory.
  const onDisk = done.filter((_, index) => index % 2 === 1)
  const used = ({ metrics }) => metrics.diskHits + metrics.revalidated
  assert.ok(onDisk.some((job) => used(job) > 0))
})

test('what exceeds the limits is swept, and entries of others stay', async (t) => {
  const origin = await startOrigin(t, { body: JSON.stringify('x'.repeat(1000)) })
  const cacheDir = temporaryDirectory(t)
  await cacache.put(cacheDir, 'of others', 'x'.repeat(50_000))
  const first = newcomer(origin, cacheDir)
  for (let index = 0; index < 10; index += 1) await first.getJson(`/${index}`)
  // As if no process had swept for long.
  await first.flush()
  utimesSync(join(cacheDir, 'socket-registry-http.swept'), 0, 0)
  const frugal = newcomer(origin, cacheDir, { cacheDiskMax: 3500 })
  await frugal.getJson('/new')
  await frugal.flush()
  const ours = async () =>
    Object.keys(await cacache.ls(cacheDir)).filter((key) => key.startsWith('socket-registry:'))
  assert.equal((await ours()).length, 3)
  assert.equal((await cacache.get(cacheDir, 'of others')).data.length, 50_000)
  assert.equal(contentOf(cacheDir).length, 2, 'what our entries share, and that of others')
  const asked = origin.requests.length
  await newcomer(origin, cacheDir).getJson('/new')
  assert.equal(origin.requests.length, asked)
})

test('after a flush the directory can be removed, also when calls were aborted', async (t) => {
  const origin = await startOrigin(t, { body: JSON.stringify('x'.repeat(4 << 20)) })
  const cacheDir = temporaryDirectory(t)
  for (let round = 0; round < 10; round += 1) {
    const client = newcomer(origin, cacheDir)
    const abort = new AbortController()
    const call = client.getJson('/', { signal: abort.signal }).catch(() => {})
    // While the response is being written, or a moment later.
    await until(() => existsSync(join(cacheDir, 'tmp')), 'the cache', 30_000)
    abort.abort()
    await call
    await client.flush()
    rmSync(cacheDir, { recursive: true, force: true })
    await sleep(20)
    assert.ok(!existsSync(cacheDir), `written to in round ${round}`)
  }
})

test('flush waits for the eviction that a call has started', async (t) => {
  const origin = await startOrigin(t, { body: '1' })
  const cacheDir = temporaryDirectory(t)
  // Of an earlier format, and so many that their removal takes longer than a call.
  const keys = Array.from({ length: 300 }, (_, index) => `${OUTDATED}${index}`)
  await Promise.all(keys.map((key) => cacache.put(cacheDir, key, key)))
  const client = newcomer(origin, cacheDir)
  await client.getJson('/')
  await client.flush()
  const left = indexOf(cacheDir).filter((file) => readFileSync(file, 'utf8').includes(OUTDATED))
  assert.deepEqual(left, [])
})

test('flush of a client without a cache on disk resolves with nothing', async () => {
  for (const cache of [false, 'memory']) {
    assert.equal(await new HttpClient({ cache }).flush(), undefined)
  }
})

test('an entry that is fetched again and again does not fill the disk', async (t) => {
  const origin = await startOrigin(t, { headers: { 'X-Long': 'x'.repeat(1000) }, body: '1' })
  const cacheDir = temporaryDirectory(t)
  const client = newcomer(origin, cacheDir, { cacheTtl: 0 })
  for (let count = 0; count < 100; count += 1) await client.getJson('/')
  const [bucket] = indexOf(cacheDir)
  assert.ok(statSync(bucket).size < 40_000, `${statSync(bucket).size}`)
})
