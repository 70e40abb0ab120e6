// Caches in a place where others can write: what they put there is neither used nor waited for, and
// nothing outside is read, written or removed. What we write tells nobody anything.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { HttpClient } from '@socketsecurity/registry'
import { get, put, withTmp } from '@socketsecurity/registry/lib/cacache'
import npm from 'cacache'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { startProxy } from '../helpers/origins/proxy-origin.mjs'
import { startJob } from '../helpers/processes/job-process.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const OTHER = 65534
const skip = process.getuid?.() !== 0 && 'only root can put files of another user somewhere'
const BODY = 'x'.repeat(100)

/** Everything below, and its place itself, with what a change would change. */
function below(path) {
  if (!existsSync(path) && !lstatSync(path, { throwIfNoEntry: false })) return []
  const found = lstatSync(path)
  const { uid, mode, size, mtimeMs, ino } = found
  const line = JSON.stringify([path, uid, mode, found.isDirectory() ? 0 : size, mtimeMs, ino])
  if (!found.isDirectory()) return [line]
  return [line, ...readdirSync(path).flatMap((name) => below(join(path, name)))]
}

function chownAll(path, uid) {
  lchownSync(path, uid, uid)
  if (!lstatSync(path).isDirectory()) return
  for (const name of readdirSync(path)) chownAll(join(path, name), uid)
}

/** As if nobody had touched it for years: what a sweep removes. */
function age(path) {
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) age(join(path, name))
  if (!lstatSync(path).isSymbolicLink()) utimesSync(path, 1e9, 1e9)
}

const filesOf = (directory) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath ?? each.path, each.name))
const children = (directory) => readdirSync(directory).map((name) => join(directory, name))

/** Which names in a cache somebody else takes. */
const PLACES = {
  'the cache': (cache) => [cache],
  'the directory above': (cache) => [dirname(cache)],
  tmp: (cache) => [join(cache, 'tmp')],
  'content-v2': (cache) => [join(cache, 'content-v2')],
  'index-v5': (cache) => [join(cache, 'index-v5')],
  'directories of buckets': (cache) => children(join(cache, 'index-v5')),
  'directories below': (cache) => children(join(cache, 'index-v5')).flatMap(children),
  'directories of content': (cache) => children(join(cache, 'content-v2', 'sha512')),
  buckets: (cache) => filesOf(join(cache, 'index-v5')),
  content: (cache) => filesOf(join(cache, 'content-v2')),
  'a temporary file': (cache) => filesOf(join(cache, 'tmp')),
  'the secret': (cache) => [join(cache, 'socket-registry-http.secret')],
  'the marker of sweeps': (cache) => [join(cache, 'socket-registry-http.swept')],
}
const ALL_OF_IT = ['the cache', 'the directory above', 'tmp', 'content-v2', 'index-v5']

/**
 * Ways to occupy a path. `moved` is the place of the original, which still belongs to the victim.
 */
const KINDS = {
  'a link': (path, moved) => {
    symlinkSync(moved, path)
    lchownSync(path, OTHER, OTHER)
  },
  'what belongs to somebody else': (path, moved) => {
    renameSync(moved, path)
    chownAll(path, OTHER)
  },
  'a FIFO': (path) => {
    assert.equal(spawnSync('mkfifo', ['-m', '666', path]).status, 0)
    chownSync(path, OTHER, OTHER)
  },
  'a device': (path) => {
    // Where devices cannot be made, a FIFO once more.
    if (spawnSync('mknod', ['-m', '666', path, 'c', '1', '5']).status !== 0) KINDS['a FIFO'](path)
    else chownSync(path, OTHER, OTHER)
  },
  'a file of a terabyte': (path) => {
    writeFileSync(path, '')
    truncateSync(path, 2 ** 40)
    chmodSync(path, 0o666)
    chownSync(path, OTHER, OTHER)
  },
  'a hard link': (path, moved) => {
    if (lstatSync(moved).isDirectory()) return false
    linkSync(moved, path)
  },
}

for (const uid of [0, 12345]) {
  describe(`another user takes names in a cache of user ${uid}`, { skip }, () => {
    for (const [kind, plant] of Object.entries(KINDS)) {
      test(`with ${kind}`, { timeout: 300_000 }, async (t) => {
        const origin = await startOrigin(t, { body: BODY })
        const directory = temporaryDirectory(t)
        chmodSync(directory, 0o755)
        const of = (name) => join(directory, name.replaceAll(' ', '-'))
        const cases = Object.keys(PLACES).map((place) => ({
          place,
          home: of(place),
          cache: join(of(place), '.socket', '_cacache'),
          outside: join(of(place), 'outside'),
        }))
        for (const { home, outside } of cases) {
          mkdirSync(outside, { recursive: true })
          chownAll(home, uid)
        }
        const caches = cases.map(({ cache }) => cache)
        const run = async (job) => {
          const child = startJob(t, 'cache-user', { uid, url: origin.url, caches, ...job })
          const { outcomes } = await child.event('done', 200_000)
          return outcomes
        }
        for (const outcome of await run({})) {
          assert.equal(outcome.again.value, 'data')
          assert.ok(outcome.fetched.every(({ value }) => value === BODY))
        }
        for (const each of cases) {
          writeFileSync(join(each.cache, 'tmp', 'left'), '')
          chownSync(join(each.cache, 'tmp', 'left'), uid, uid)
          // As if nobody had swept for long.
          utimesSync(join(each.cache, 'socket-registry-http.swept'), 0, 0)
          each.planted = []
          for (const [index, path] of PLACES[each.place](each.cache).entries()) {
            const moved = join(each.outside, `${index}-${basename(path)}`)
            renameSync(path, moved)
            age(moved)
            if (plant(path, moved) !== false) each.planted.push(path)
          }
          const precious = join(each.outside, 'precious')
          writeFileSync(precious, 'precious')
          chownSync(precious, uid, uid)
          age(each.outside)
          each.before = each.planted.map((path) => below(path))
          each.outsideBefore = below(each.outside)
        }
        const outcomes = await run({ clears: true })
        for (const [index, outcome] of outcomes.entries()) {
          const { place, planted, before, cache, outside, outsideBefore } = cases[index]
          const { fetched, ...calls } = outcome
          for (const [call, ended] of Object.entries(calls)) {
            assert.ok(!ended?.hung, `${place}: ${call} hangs`)
          }
          for (const { value, message } of fetched) {
            assert.ok(value === BODY || value === 'cleared', `${place}: ${value ?? message}`)
          }
          for (const { value } of [calls.get, calls.safeGet, calls.again]) {
            assert.ok([undefined, 'undefined', 'data'].includes(value), `${place}: ${value}`)
          }
          assert.deepEqual(below(outside), outsideBefore, `${place}: something outside was changed`)
          if (kind !== 'a hard link') {
            const after = planted.map((path) => below(path))
            assert.deepEqual(after, before, `${place}: what others put there was changed`)
          }
          const isNamed = kind === 'a link' || kind === 'what belongs to somebody else'
          if (isNamed && ALL_OF_IT.includes(place)) {
            const { code, message, path } = calls.put
            assert.equal(code, 'EACCES', `${place}: ${JSON.stringify(calls.put)}`)
            assert.ok(message.includes(`user ${OTHER}`), message)
            assert.ok(message.includes(path) && path.startsWith(dirname(cache)), message)
          }
          if (isNamed && place !== 'content-v2' && place !== 'tmp' && ALL_OF_IT.includes(place)) {
            assert.equal(calls.get.code, 'EACCES', place)
            assert.equal(calls.clear.code, 'EACCES', place)
            assert.equal(calls.safeGet.value, 'undefined', place)
          }
          if (isNamed && ['the cache', 'the directory above', 'tmp'].includes(place)) {
            assert.equal(calls.withTmp.code, 'EACCES', place)
          }
        }
      })
    }

    test('a link of the user itself at the cache, and above it, is followed', async (t) => {
      const origin = await startOrigin(t, { body: BODY })
      const directory = temporaryDirectory(t)
      mkdirSync(join(directory, 'elsewhere'))
      symlinkSync('elsewhere', join(directory, '.socket'))
      chownAll(directory, uid)
      const cache = join(directory, '.socket', '_cacache')
      const job = { uid, url: origin.url, caches: [cache] }
      const { outcomes } = await startJob(t, 'cache-user', job).event('done', 60_000)
      assert.equal(outcomes[0].again.value, 'data')
      assert.equal(readlinkSync(join(directory, '.socket')), 'elsewhere')
      assert.ok(existsSync(join(directory, 'elsewhere', '_cacache', 'index-v5')))
      assert.equal(origin.requests.length, 2, 'the second client found what the first one fetched')
    })

    test('memory works where the disk is not to be used', async (t) => {
      const origin = await startOrigin(t, { body: BODY })
      const directory = temporaryDirectory(t)
      const cache = join(directory, 'cache')
      mkdirSync(cache)
      chownAll(directory, uid)
      chownSync(cache, OTHER, OTHER)
      const job = { uid, url: origin.url, caches: [cache] }
      await startJob(t, 'cache-user', job).event('done', 60_000)
      // Three requests without memory, two with it.
      assert.equal(origin.requests.length, 5)
      assert.deepEqual(readdirSync(cache), [])
    })
  })
}

test('withTmp never removes what a link in its place leads to', { skip }, async (t) => {
  const directory = temporaryDirectory(t)
  const before = process.env.SOCKET_CACACHE_DIR
  t.after(() => {
    if (before === undefined) delete process.env.SOCKET_CACACHE_DIR
    else process.env.SOCKET_CACACHE_DIR = before
  })
  process.env.SOCKET_CACACHE_DIR = join(directory, 'cache')
  const outside = join(directory, 'outside')
  let name
  const swapped = withTmp(async (path) => {
    name = basename(path)
    mkdirSync(join(outside, name), { recursive: true })
    writeFileSync(join(outside, name, 'precious'), '')
    renameSync(dirname(path), join(directory, 'moved'))
    symlinkSync(outside, dirname(path))
    lchownSync(dirname(path), OTHER, OTHER)
  })
  assert.equal((await rejection(swapped)).code, 'EACCES')
  assert.ok(existsSync(join(outside, name, 'precious')))
})

describe('what is written is for its owner alone', { skip: process.platform === 'win32' }, () => {
  for (const umask of [0o000, 0o002, 0o022, 0o077]) {
    test(`under umask ${umask.toString(8).padStart(3, '0')}, and npm reads it`, async (t) => {
      const origin = await startOrigin(t, { headers: { Vary: 'Accept' }, body: BODY })
      const cache = join(temporaryDirectory(t), 'a', 'cache')
      const job = { umask, url: origin.url, caches: [cache] }
      await startJob(t, 'cache-user', job).event('done', 60_000)
      const all = readdirSync(cache, { recursive: true }).map((name) => join(cache, name))
      assert.ok(all.length > 15)
      for (const path of [dirname(cache), cache, ...all]) {
        const found = lstatSync(path)
        assert.equal(found.mode & 0o777, found.isDirectory() ? 0o700 : 0o600, path)
      }
      assert.equal(`${(await npm.get(cache, 'key')).data}`, 'data')
      assert.equal((await npm.verify(cache)).badContentCount, 0)
    })
  }

  test('also where the same content was there before, for more people', async (t) => {
    const cache = temporaryDirectory(t)
    const before = process.env.SOCKET_CACACHE_DIR
    t.after(() => {
      if (before === undefined) delete process.env.SOCKET_CACACHE_DIR
      else process.env.SOCKET_CACACHE_DIR = before
    })
    process.env.SOCKET_CACACHE_DIR = cache
    const old = process.umask(0o002)
    try {
      await npm.put(cache, 'key', 'data')
    } finally {
      process.umask(old)
    }
    // A file that npm wrote for its group under umask 002, Ubuntu's default, is read.
    const entry = await get('key')
    assert.equal(lstatSync(entry.path).mode & 0o777, 0o664)
    assert.equal(`${entry.data}`, 'data')
    await put('other', 'data')
    assert.equal(lstatSync(entry.path).mode & 0o777, 0o600)
    await put('again', 'data')
    assert.equal(lstatSync(entry.path).mode & 0o777, 0o600)
    for (const key of ['key', 'other']) assert.equal(`${(await npm.get(cache, key)).data}`, 'data')
  })
})

describe('the files of a cache have', () => {
  test('no secret of a URL or header field, under whatever name', async (t) => {
    const secret = 'q7Zs3cretW'
    const hidden = {
      Vary: `Accept, X-${secret}`,
      Link: `</next?unheard-of=${secret}>; rel="next"`,
      Location: `/signed?x=${secret}`,
      'Content-Location': `/signed/${secret}`,
      'X-Unheard-Of': secret,
      'X-Auth-Token': secret,
      ETag: `"${secret}"`,
    }
    const origin = await startOrigin(t, ({ headers }) =>
      headers['if-none-match']
        ? { status: 304, headers: { ETag: `"${secret}"`, 'X-Later': secret } }
        : { headers: hidden, body: '1' },
    )
    const cacheDir = temporaryDirectory(t)
    const headers = { Authorization: secret, Cookie: secret, [`X-${secret}`]: secret }
    const client = (options) =>
      new HttpClient({ baseUrl: origin.url, cache: 'disk', cacheDir, headers, ...options })
    const path = `/a?token=${secret}&unheard-of=${secret}&${secret}#${secret}`
    await client().request(path)
    const hit = await client().request(path)
    assert.equal(origin.requests.length, 1)
    assert.equal(hit.headers.link, hidden.Link)
    assert.equal(hit.headers['x-unheard-of'], secret)
    assert.equal(hit.headers.etag, hidden.ETag)
    assert.equal(hit.headers['x-auth-token'], undefined, 'no credential is kept')
    const later = await client({ cacheTtl: 0 }).request(path)
    assert.equal(later.headers['x-later'], secret)
    assert.equal(origin.requests.length, 2)
    const withUser = `${origin.url.replace('//', `//user:${secret}@`)}/b`
    await client().getJson(withUser)
    const files = filesOf(cacheDir)
    assert.ok(files.length > 5)
    const forms = [
      secret,
      btoa(secret),
      Buffer.from(secret).toString('hex'),
      btoa(`user:${secret}`),
    ]
    for (const file of files) {
      for (const form of forms) {
        assert.ok(
          !`${file}${readFileSync(file, 'latin1')}`.toLowerCase().includes(form.toLowerCase()),
          file,
        )
      }
    }
  })

  test('origin and path, by which clearCache finds them, and one entry for each query', async (t) => {
    const origin = await startOrigin(t, ({ path }) => ({ body: JSON.stringify(path) }))
    const cacheDir = temporaryDirectory(t)
    const client = () => new HttpClient({ baseUrl: origin.url, cache: 'disk', cacheDir })
    const paths = ['/a?x=1', '/a?x=2', '/a', '/ab?x=1', '/b?x=1']
    const fill = async () => {
      for (const path of paths) assert.equal(await client().getJson(path), path)
    }
    await fill()
    await fill()
    assert.equal(origin.requests.length, paths.length)
    assert.equal(await client().clearCache('/a?x=1'), 2, 'all queries of the path')
    await fill()
    assert.equal(await client().clearCache('/a'), 4)
    assert.equal(await client().clearCache('/b?'), 1)
    for (const key of Object.keys(await npm.ls(cacheDir))) assert.ok(!key.includes('x='), key)
  })
})

describe('a response is for those who trust the same, and go the same way', () => {
  test('on disk, whatever the source of the roots', async (t) => {
    const origin = await startOrigin(t, (_request, _response, index) => ({ body: `${index}` }))
    const directory = temporaryDirectory(t)
    const cacheDir = join(directory, 'cache')
    const pem = readFileSync(
      new URL('../helpers/origins/localhost-certificate.mjs', import.meta.url),
      'utf8',
    )
    const certificate = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/.exec(
      pem,
    )?.[0]
    writeFileSync(join(directory, 'ca.pem'), certificate)
    const names = [
      'SSL_CERT_FILE',
      'SSL_CERT_DIR',
      'NODE_EXTRA_CA_CERTS',
      'NODE_TLS_REJECT_UNAUTHORIZED',
    ]
    const before = names.map((name) => process.env[name])
    const reset = () => {
      for (const [index, name] of names.entries()) {
        if (before[index] === undefined) delete process.env[name]
        else process.env[name] = before[index]
      }
    }
    t.after(reset)
    const ways = [
      {},
      { ca: certificate },
      { SSL_CERT_FILE: join(directory, 'ca.pem') },
      { SSL_CERT_DIR: directory },
      { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    ]
    const fetch = async ({ ca, ...variables }) => {
      reset()
      Object.assign(process.env, variables)
      const client = new HttpClient({ baseUrl: origin.url, cache: 'disk', cacheDir, ca })
      return client.getJson('/')
    }
    for (let round = 0; round < 2; round += 1) {
      for (const [index, way] of ways.entries()) {
        assert.equal(await fetch(way), index, JSON.stringify(Object.keys(way)))
      }
    }
    assert.equal(origin.requests.length, ways.length)
  })

  for (const cache of ['memory', 'disk']) {
    test(`${cache}: nor does one proxy give what another one fetched`, async (t) => {
      const origin = await startOrigin(t, (_request, _response, index) => ({ body: `${index}` }))
      const proxies = [
        await startProxy(t, { port: origin.port }),
        await startProxy(t, { port: origin.port }),
      ]
      const cacheDir = temporaryDirectory(t)
      const client = new HttpClient({ baseUrl: origin.url, cache, cacheDir })
      for (let round = 0; round < 2; round += 1) {
        assert.equal(await client.getJson('/'), 0)
        for (const [index, { host }] of proxies.entries()) {
          assert.equal(await client.getJson('/', { proxy: `http://${host}` }), index + 1)
        }
      }
      assert.equal(origin.requests.length, 3)
    })
  }
})

for (const cache of ['memory', 'disk']) {
  test(`${cache}: what was fetched without credentials is not given to those who send them`, async (t) => {
    // A -> B -> A: credentials are dropped on the way, and the last URL is the first one.
    const other = await startOrigin(t, () => ({
      status: 302,
      headers: { Location: `${origin.url}/` },
    }))
    let isFirst = true
    const origin = await startOrigin(t, ({ headers }) => {
      if (isFirst) {
        isFirst = false
        return { status: 302, headers: { Location: `${other.url}/` } }
      }
      return { body: JSON.stringify(headers.authorization ?? 'nobody') }
    })
    const headers = { Authorization: 'Bearer me' }
    const options = { baseUrl: origin.url, cache, cacheDir: temporaryDirectory(t), headers }
    const client = new HttpClient(options)
    assert.equal(await client.getJson('/'), 'nobody')
    assert.equal(await client.getJson('/'), 'Bearer me')
    assert.equal(await client.getJson('/'), 'Bearer me')
    assert.equal(origin.requests.length, 3)
  })
}
