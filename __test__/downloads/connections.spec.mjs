// `connections`: ranges of one file at once, and everything that servers may do about that.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { platform } from 'node:process'
import { describe, test } from 'node:test'
import { downloadWithLock, httpDownload } from '@socketsecurity/registry'
import { cert } from '../helpers/origins/localhost-certificate.mjs'
import { startProxy } from '../helpers/origins/proxy-origin.mjs'
import { honest, startRangeOrigin, version } from '../helpers/origins/range-origin.mjs'
import { startJob } from '../helpers/processes/job-process.mjs'
import { rejection, temporaryDirectory, until } from '../helpers/support.mjs'

const MIB = 1 << 20
const SLOWLY = 8 * MIB
const isLong = Boolean(process.env.LONG_TESTS)

/** Downloads a file and compares it. */
async function download(t, origin, options = {}, directory = temporaryDirectory(t)) {
  const destination = join(directory, 'file')
  const result = await httpDownload(origin.url, destination, { connections: 4, ...options })
  assert.ok(readFileSync(destination).equals(origin.file.body), 'other bytes')
  assert.equal(result.size, origin.file.body.length)
  assert.deepEqual(readdirSync(directory), ['file'])
  return result
}

/** That all bytes from `start` on were asked for, and few of them twice: a range may be cut. */
function assertEconomical({ requests, file }, start = 0) {
  const ranges = requests.map(({ range }) => range).sort((one, other) => one.start - other.start)
  let end = ranges[0].start
  for (const range of ranges) {
    assert.ok(start > 0 || range.start <= end, `nobody asked for the bytes from ${end} on`)
    end = Math.max(end, range.end)
  }
  const asked = ranges.reduce((sum, range) => sum + range.end - range.start, 0)
  assert.equal(end, file.body.length)
  assert.ok(asked < 1.3 * (file.body.length - start), `${asked} bytes`)
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

describe('a server that sends ranges', () => {
  test('is requested in several ranges at once, each over a connection of its own', async (t) => {
    const origin = await startRangeOrigin(t, version(16 * MIB), { speed: SLOWLY })
    await download(t, origin, { connections: 4 })
    assert.ok(origin.most >= 4)
    // A range that is cut costs its connection.
    assert.ok(origin.connections < origin.requests.length, 'no connection is kept for a next range')
    assertEconomical(origin)
    const sizes = origin.requests.map(({ range }) => range.end - range.start)
    assert.ok(
      sizes.every((size) => size >= MIB),
      `${sizes}`,
    )
    const conditions = new Set(origin.requests.slice(1).map(({ headers }) => headers['if-range']))
    assert.deepEqual([...conditions], ['"v1"'])
  })

  test('is requested over one connection by default', async (t) => {
    const origin = await startRangeOrigin(t, version(4 * MIB))
    await download(t, origin, { connections: undefined })
    assert.equal(origin.requests.length, 1)
    assert.equal(origin.requests[0].headers.range, undefined)
  })

  test('gets fewer connections for a small file', async (t) => {
    for (const [size, most] of [
      [1, 1],
      [MIB, 1],
      [2 * MIB - 1, 1],
      [2 * MIB, 2],
      [3 * MIB + 5, 3],
    ]) {
      const origin = await startRangeOrigin(t, version(size), { speed: SLOWLY })
      await download(t, origin, { connections: 16 })
      assert.equal(origin.most, most, `${size} bytes`)
      assertEconomical(origin)
    }
  })

  test('may identify its file by an old date', async (t) => {
    const file = {
      ...version(4 * MIB),
      validators: { 'Last-Modified': 'Tue, 01 Feb 2022 10:00:00 GMT' },
    }
    const origin = await startRangeOrigin(t, file, { speed: SLOWLY })
    await download(t, origin)
    assert.ok(origin.most > 1)
  })

  test('gives a file whose digests are right', async (t) => {
    const origin = await startRangeOrigin(t, version(20 * MIB), {
      // The first connection is the slowest, so that all others are ahead of what is contiguous.
      speed: ({ index }) => (index === 0 ? MIB : 16 * MIB),
    })
    const hash = sha256(origin.file.body)
    const result = await download(t, origin, { sha256: hash, digests: true })
    assert.equal(result.sha256, hash)
    const sha512 = createHash('sha512').update(origin.file.body).digest('base64')
    assert.equal(result.integrity, `sha512-${sha512}`)
    const directory = temporaryDirectory(t)
    const wrong = { connections: 4, sha256: '0'.repeat(64) }
    const error = await rejection(httpDownload(origin.url, join(directory, 'file'), wrong))
    assert.equal(error.code, 'ERR_INTEGRITY')
    assert.deepEqual(readdirSync(directory), [])
  })

  test('has its progress counted over all connections', async (t) => {
    const origin = await startRangeOrigin(t, version(8 * MIB), { speed: SLOWLY })
    const seen = []
    const onProgress = (downloaded, total) => seen.push([downloaded, total])
    await download(t, origin, { onProgress })
    assert.ok(seen.length > 2)
    assert.ok(
      seen.every(
        ([downloaded, total], index) =>
          total === 8 * MIB && downloaded >= (seen[index - 1]?.[0] ?? 0),
      ),
    )
    assert.deepEqual(seen.at(-1), [8 * MIB, 8 * MIB])
  })

  test('is requested from the target of a redirect, and from the first URL again when that expires', async (t) => {
    const origin = await startRangeOrigin(t, version(12 * MIB), { speed: SLOWLY })
    let token = 0
    const valid = () => `${origin.url}?token=${token}`
    const server = createServer((_request, response) => {
      server.asked = (server.asked ?? 0) + 1
      response.writeHead(302, { Location: valid() }).end()
    })
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close().closeAllConnections())
    const first = { url: `http://127.0.0.1:${server.address().port}/`, file: origin.file }
    await download(t, first)
    assert.equal(server.asked, 1)
    token = 1
    const expiring = await startRangeOrigin(t, origin.file, {
      speed: SLOWLY,
      script: ({ url, index }) => (index >= 6 && url.endsWith('=1') ? { status: 403 } : undefined),
    })
    origin.url = expiring.url
    let asked = 0
    const redirect = createServer((_request, response) => {
      asked += 1
      token = asked
      response.writeHead(302, { Location: valid() }).end()
    })
    await new Promise((resolve) => redirect.listen(0, '127.0.0.1', resolve))
    t.after(() => redirect.close().closeAllConnections())
    await download(t, { url: `http://127.0.0.1:${redirect.address().port}/`, file: origin.file })
    assert.ok(asked > 1)
  })

  test('may be reached over TLS, and over HTTP/2 has a connection for each range, too', async (t) => {
    for (const protocol of ['https', 'h2']) {
      const origin = await startRangeOrigin(t, version(8 * MIB), { speed: SLOWLY, protocol })
      await download(t, origin, { ca: cert, connections: 4 })
      assert.ok(origin.most >= 4, protocol)
      assert.ok(new Set(origin.requests.map(({ port }) => port)).size >= 4, protocol)
      assertEconomical(origin)
    }
  })

  test('may be reached by way of node:http', async (t) => {
    const origin = await startRangeOrigin(t, version(8 * MIB), { speed: SLOWLY })
    await download(t, origin, { transport: 'node' })
    assert.ok(origin.most >= 4)
    assertEconomical(origin)
  })

  test('may be behind a proxy', async (t) => {
    for (const protocol of ['http', 'https']) {
      const origin = await startRangeOrigin(t, version(8 * MIB), { speed: SLOWLY, protocol })
      const proxy = await startProxy(t, { port: origin.port })
      const url = origin.url.replace('127.0.0.1', 'localhost')
      await download(t, { ...origin, url }, { ca: cert, proxy: `http://${proxy.host}` })
      assert.ok(origin.most > 1, protocol)
      assert.ok(proxy.requests.length > 1, protocol)
    }
  })
})

describe('a server that sends no ranges of one representation', () => {
  const cases = {
    'ignores Range': (_request, file) => ({ headers: file.validators, body: file.body }),
    'has a weak validator': (request, file) =>
      honest(request, { ...file, validators: { ETag: 'W/"v1"' } }),
    'has no validator': (request, file) => honest(request, { ...file, validators: {} }),
    'sends another range': ({ range, headers }, file) =>
      range && honest({ headers: { ...headers, range: `bytes=5-${range.end - 1}` } }, file),
    'sends multipart': ({ range }, file) =>
      range && {
        status: 206,
        headers: { ...file.validators, 'Content-Type': 'multipart/byteranges; boundary=x' },
        body: Buffer.from('--x--'),
      },
    'says 416': ({ range }) => range && { status: 416 },
    'does not know its length': ({ range }, file) =>
      range && {
        status: 206,
        headers: { ...file.validators, 'Content-Range': `bytes 0-${range.end - 1}/*` },
        body: file.body.subarray(0, range.end),
      },
  }
  for (const [what, script] of Object.entries(cases)) {
    test(`and ${what} is requested whole over one connection`, async (t) => {
      const origin = await startRangeOrigin(t, version(3 * MIB), { script })
      const result = await download(t, origin)
      assert.equal(result.status, 200)
      assert.equal(origin.most, 1)
      assert.ok(origin.requests.length <= 2)
      assert.equal(result.attempts, 1)
    })
  }

  test('of an empty file', async (t) => {
    const origin = await startRangeOrigin(t, version(0))
    assert.equal((await download(t, origin)).size, 0)
  })
})

describe('a further connection', () => {
  test('that is refused with 429 or 503 means fewer, not failure', async (t) => {
    for (const status of [429, 503]) {
      const origin = await startRangeOrigin(t, version(12 * MIB), {
        speed: SLOWLY,
        script: () =>
          origin.active > 2 ? { status, headers: { 'Retry-After': '60' } } : undefined,
      })
      await download(t, origin, { connections: 8, retries: 0 })
      const refused = origin.requests.filter(({ sent }) => sent === 0).length
      assert.ok(refused >= 1 && refused <= 7, `${refused} refusals`)
      assert.ok(origin.sent < 1.3 * 12 * MIB)
    }
  })

  test('that is reset means fewer, not failure', async (t) => {
    const origin = await startRangeOrigin(t, version(12 * MIB), {
      speed: SLOWLY,
      script: () => (origin.active > 2 ? { reset: true } : undefined),
    })
    await download(t, origin, { connections: 8 })
    assert.ok(origin.sent < 1.3 * 12 * MIB)
  })

  test('that fails gives its rest to the others', async (t) => {
    const origin = await startRangeOrigin(t, version(16 * MIB), {
      speed: SLOWLY,
      script: (request, file) =>
        request.index % 3 === 1 ? { ...honest(request, file), cut: 300_000 } : undefined,
    })
    const result = await download(t, origin)
    assert.equal(result.attempts, 1)
    assert.ok(origin.sent < 1.3 * 16 * MIB, `${origin.sent} bytes`)
  })

  test('that ends early, in order, leaves its rest to the others', async (t) => {
    const origin = await startRangeOrigin(t, version(8 * MIB), {
      speed: SLOWLY,
      script: (request, file) => {
        if (request.index !== 2) return undefined
        const right = honest(request, file)
        return { ...right, body: right.body.subarray(0, 1000), chunked: true }
      },
    })
    await download(t, origin)
  })

  test('that gets the whole file leaves the others in peace', async (t) => {
    const origin = await startRangeOrigin(t, version(8 * MIB), {
      speed: SLOWLY,
      script: ({ index }, file) =>
        index === 2 ? { headers: file.validators, body: file.body } : undefined,
    })
    const result = await download(t, origin)
    assert.equal(result.status, 206)
  })

  test('whose body is longer than its range spoils the part, which begins anew', async (t) => {
    const origin = await startRangeOrigin(t, version(8 * MIB), {
      speed: SLOWLY,
      script: (request, file) => {
        if (request.index !== 3) return undefined
        const right = honest(request, file)
        return { ...right, body: Buffer.concat([file.body, file.body]), chunked: true }
      },
    })
    const result = await download(t, origin)
    assert.equal(result.status, 200)
    assert.equal(origin.requests.at(-1).headers.range, undefined)
  })

  test('that is far slower than the others gives its rest away', { skip: !isLong }, async (t) => {
    const origin = await startRangeOrigin(t, version(64 * MIB), {
      speed: ({ index }) => (index === 1 ? 10_000 : 4 * MIB),
    })
    const started = performance.now()
    await download(t, origin)
    assert.ok(performance.now() - started < 30_000)
  })
})

describe('a file that changes midway', () => {
  /**
   * A server that has another version from the request of this number on, and says so in its own
   * way.
   */
  const changing = (t, at, old, fresh, respond = honest) =>
    startRangeOrigin(t, old, {
      speed: SLOWLY,
      script: (request) => {
        if (request.index < at) return honest(request, old)
        return respond(request, fresh)
      },
    })

  test('is fetched again from its beginning, and never mixed', async (t) => {
    for (const at of [1, 4, 7]) {
      const [old, fresh] = [version(12 * MIB), version(12 * MIB + 100, '"v2"')]
      const origin = await changing(t, at, old, fresh)
      const destination = join(temporaryDirectory(t), 'file')
      await httpDownload(origin.url, destination, { connections: 4 })
      const bytes = readFileSync(destination)
      assert.ok(bytes.equals(fresh.body), `not the new version, from request ${at} on`)
    }
  })

  test('is noticed where the server does not look at If-Range', async (t) => {
    const [old, fresh] = [version(12 * MIB), version(12 * MIB, '"v2"')]
    const careless = ({ headers, ...request }, file) =>
      honest({ ...request, headers: { ...headers, 'if-range': undefined } }, file)
    const origin = await changing(t, 3, old, fresh, careless)
    const destination = join(temporaryDirectory(t), 'file')
    await httpDownload(origin.url, destination, { connections: 4 })
    assert.ok(readFileSync(destination).equals(fresh.body))
  })
})

describe('what is there', () => {
  /** A download that is aborted when this much is there. */
  async function interrupted(origin, destination, bytes, options = {}) {
    const controller = new AbortController()
    const onProgress = (downloaded) => downloaded >= bytes && controller.abort()
    const { signal } = controller
    const error = await rejection(
      httpDownload(origin.url, destination, { connections: 4, signal, onProgress, ...options }),
    )
    assert.equal(error.name, 'AbortError')
    await until(() => origin.active === 0, 'the server has noticed')
    origin.requests.length = 0
    origin.sent = 0
    return JSON.parse(readFileSync(`${destination}.part.json`, 'utf8'))
  }
  const sum = (ranges) => ranges.reduce((total, [start, end]) => total + end - start, 0)

  test('is listed in the record, so that only the holes are fetched', async (t) => {
    for (const connections of [1, 4]) {
      const origin = await startRangeOrigin(t, version(16 * MIB), { speed: 4 * MIB })
      const directory = temporaryDirectory(t)
      const record = await interrupted(origin, join(directory, 'file'), 6 * MIB)
      const there = sum(record.ranges)
      assert.ok(there >= 6 * MIB && record.ranges.length > 1, JSON.stringify(record))
      assert.equal(
        record.source,
        undefined,
        'older versions would take the length for what is there',
      )
      const seen = []
      const onProgress = (downloaded) => seen.push(downloaded)
      const hash = sha256(origin.file.body)
      const result = await download(t, origin, { connections, onProgress, sha256: hash }, directory)
      assert.equal(result.resumedFrom, there)
      assertEconomical(origin, there)
      assert.ok(seen[0] >= there)
    }
  })

  test('is fetched again without `resume`', async (t) => {
    const origin = await startRangeOrigin(t, version(8 * MIB), { speed: SLOWLY })
    const directory = temporaryDirectory(t)
    await interrupted(origin, join(directory, 'file'), 2 * MIB)
    const result = await download(t, origin, { resume: false }, directory)
    assert.equal(result.resumedFrom, 0)
    assert.ok(origin.sent >= 8 * MIB)
  })

  test('is fetched again if the file has changed', async (t) => {
    for (const connections of [1, 4]) {
      const origin = await startRangeOrigin(t, version(8 * MIB), { speed: SLOWLY })
      const directory = temporaryDirectory(t)
      await interrupted(origin, join(directory, 'file'), 2 * MIB)
      origin.file = version(8 * MIB, '"v2"')
      await download(t, origin, { connections }, directory)
    }
  })

  test('may be the part file of an older version, without ranges', async (t) => {
    const origin = await startRangeOrigin(t, version(16 * MIB), { speed: SLOWLY })
    const directory = temporaryDirectory(t)
    const destination = join(directory, 'file')
    const record = await interrupted(origin, destination, 4 * MIB, { connections: 1 })
    assert.equal(record.ranges, undefined)
    const there = readFileSync(`${destination}.part`).length
    const result = await download(t, origin, { sha256: sha256(origin.file.body) }, directory)
    assert.equal(result.resumedFrom, there)
    assertEconomical(origin, there)
    assert.ok(origin.most > 1)
  })

  test('may be all of it', async (t) => {
    const origin = await startRangeOrigin(t, version(4 * MIB), { speed: MIB })
    const directory = temporaryDirectory(t)
    const destination = join(directory, 'file')
    const record = await interrupted(origin, destination, MIB)
    writeFileSync(`${destination}.part`, origin.file.body)
    writeFileSync(`${destination}.part.json`, JSON.stringify({ ...record, ranges: [[0, 4 * MIB]] }))
    await download(t, origin, { sha256: sha256(origin.file.body) }, directory)
    assert.equal(origin.sent, 1, 'only its last byte is asked for')
  })

  test('is no more than the part file has, whatever the record has', async (t) => {
    const origin = await startRangeOrigin(t, version(4 * MIB), { speed: MIB })
    const directory = temporaryDirectory(t)
    const destination = join(directory, 'file')
    const record = await interrupted(origin, destination, MIB)
    writeFileSync(`${destination}.part`, origin.file.body.subarray(0, MIB))
    writeFileSync(`${destination}.part.json`, JSON.stringify({ ...record, ranges: [[0, 4 * MIB]] }))
    await download(t, origin, {}, directory)
  })

  test('is continued by the next attempt of a call', async (t) => {
    const origin = await startRangeOrigin(t, version(16 * MIB), {
      speed: SLOWLY,
      // One after the other all connections fail, and are not opened again.
      script: (request, file) => {
        if (request.index > 4) origin.isDown ??= request.index < 9
        if (request.index >= 9) return undefined
        return { ...honest(request, file), cut: 900_000 }
      },
    })
    const result = await download(t, origin, { retries: 3, retryDelay: 1 })
    assert.ok(result.attempts > 1)
    assert.ok(result.resumedFrom > 0)
    assert.ok(origin.sent < 1.3 * 16 * MIB, `${origin.sent} bytes`)
  })

  test('is seen by waiters in other processes', async (t) => {
    const origin = await startRangeOrigin(t, version(8 * MIB), { speed: MIB })
    const destPath = join(temporaryDirectory(t), 'file')
    const how = 'downloadWithLock'
    const options = { connections: 4 }
    const holder = startJob(t, 'download-job', { how, url: origin.url, destPath, options })
    await until(() => existsSync(`${destPath}.part.json`), 'the holder is at work')
    const seen = []
    const onProgress = (downloaded, total) => seen.push([downloaded, total])
    await downloadWithLock(origin.url, destPath, { onProgress, settleDelay: 0 })
    await holder.event('done')
    const midway = seen.filter(([downloaded]) => downloaded > 0 && downloaded < 8 * MIB)
    assert.ok(midway.length > 1, JSON.stringify(seen))
    assert.ok(seen.every(([, total]) => total === 8 * MIB))
    assert.ok(origin.sent < 1.3 * 8 * MIB)
  })

  test('is continued from a mirror under a digest, and else fetched from there alone', async (t) => {
    for (const isVerified of [true, false]) {
      const file = version(12 * MIB)
      const same = { body: file.body, validators: { ETag: '"another"' } }
      const origin = await startRangeOrigin(t, file, {
        speed: SLOWLY,
        script: (request) =>
          request.index < 4 ? { ...honest(request, file), cut: 700_000 } : { status: 404 },
      })
      const mirror = await startRangeOrigin(t, same, { speed: SLOWLY })
      const directory = temporaryDirectory(t)
      const destination = join(directory, 'file')
      const result = await httpDownload(origin.url, destination, {
        connections: 4,
        mirrors: [mirror.url],
        sha256: isVerified ? sha256(file.body) : undefined,
      })
      assert.ok(readFileSync(destination).equals(file.body))
      assert.deepEqual(readdirSync(directory), ['file'])
      assert.equal(result.source, mirror.url)
      assert.equal(result.resumedFrom > 0, isVerified)
      assert.equal(mirror.most > 1, !isVerified)
    }
  })

  test('is seen by waiters in this process', async (t) => {
    const origin = await startRangeOrigin(t, version(8 * MIB), { speed: 2 * MIB })
    const destination = join(temporaryDirectory(t), 'file')
    const seen = []
    const onProgress = (downloaded) => seen.push(downloaded)
    await Promise.all([
      downloadWithLock(origin.url, destination, { connections: 4 }),
      downloadWithLock(origin.url, destination, { onProgress }),
    ])
    assert.ok(seen.some((downloaded) => downloaded > 0 && downloaded < 8 * MIB))
    assert.equal(seen.at(-1), 8 * MIB)
  })
})

test('the last failure is that of the call', async (t) => {
  const origin = await startRangeOrigin(t, version(8 * MIB), {
    speed: SLOWLY,
    script: ({ index }) => (index === 0 ? undefined : { status: 500 }),
  })
  const directory = temporaryDirectory(t)
  mkdirSync(join(directory, 'in'))
  const destination = join(directory, 'in', 'file')
  const error = await rejection(httpDownload(origin.url, destination, { connections: 4 }))
  assert.equal(error.message, 'Download failed: HTTP 500 Internal Server Error')
  assert.equal(error.status, 500)
  assert.ok(!existsSync(destination))
})

test('sixteen connections need some tens of megabytes', {
  skip: platform !== 'linux',
}, async (t) => {
  const origin = await startRangeOrigin(t, version(100 * MIB))
  const destPath = join(temporaryDirectory(t), 'file')
  const options = { connections: 16, digests: true }
  const job = startJob(t, 'peak-memory', { url: origin.url, destPath, options })
  const { before, peak } = await job.event('done')
  await job.exit
  // The addon that is tested here is five times as large as the one that is published.
  assert.ok(peak - before < 60e6, `${(peak - before) / 1e6} MB`)
})

test('an aborted call ends all connections', async (t) => {
  const origin = await startRangeOrigin(t, version(64 * MIB), { speed: MIB })
  const controller = new AbortController()
  const destination = join(temporaryDirectory(t), 'file')
  const options = { connections: 8, signal: controller.signal }
  const downloading = rejection(httpDownload(origin.url, destination, options))
  await until(() => origin.active === 8, 'all connections are at work')
  controller.abort()
  assert.equal((await downloading).name, 'AbortError')
  await until(() => origin.active === 0, 'all connections are closed')
})

test('wrong numbers of connections are refused', async () => {
  for (const connections of [0, 17, 1.5, -1, Number.NaN, '4', null]) {
    const error = await rejection(
      httpDownload('http://127.0.0.1:9/', '/nowhere/file', { connections }),
    )
    assert.match(error.code, /^ERR_INVALID_ARG_(TYPE|VALUE)$/, `${connections}`)
    assert.match(error.message, /options\.connections/)
  }
})
