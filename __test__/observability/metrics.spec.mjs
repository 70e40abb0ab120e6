// Events that the metrics count, and when they count them.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import {
  downloadWithLock,
  getErrors,
  getMetrics,
  HttpClient,
  httpDownload,
  httpGetJson,
  httpJson,
  httpRequest,
  resetMetrics,
} from '@socketsecurity/registry'
import { cert, key } from '../helpers/origins/localhost-certificate.mjs'
import { startOrigin } from '../helpers/origins/lock-origin.mjs'
import { rejection, temporaryDirectory, until } from '../helpers/support.mjs'
import { runNode, startServer } from './server.mjs'

const retrying = { retries: 3, retryDelay: 1 }

beforeEach(resetMetrics)

/** Without durations, and without what is 0. */
function counts(group) {
  const numbers = Object.entries(group).filter(([, value]) => typeof value === 'number' && value)
  return Object.fromEntries(numbers)
}

describe('requests', () => {
  test('a response below 400 is a success, whatever failed before', async (t) => {
    const { url } = await startServer(t)
    await httpRequest(`${url}/status/503,503,200`, retrying)
    const { requests } = getMetrics()
    assert.deepEqual(counts(requests), {
      total: 1,
      succeeded: 1,
      attempts: 3,
      retries: 2,
      bytesReceived: 18,
    })
    assert.deepEqual(requests.byStatus, { '2xx': 1, '3xx': 0, '4xx': 0, '5xx': 2 })
    assert.equal(requests.duration.count, 1)
    assert.deepEqual(getErrors(), [])
  })

  test('a response of 400 or above is a failure, whether or not the call rejects', async (t) => {
    const { url, host } = await startServer(t)
    await httpRequest(`${url}/status/404`)
    await rejection(httpGetJson(`${url}/status/404`))
    await httpRequest(`${url}/status/503`, retrying)
    const { requests } = getMetrics()
    assert.deepEqual([requests.failed, requests.attempts, requests.retries], [3, 6, 3])
    assert.deepEqual(requests.byStatus, { '2xx': 0, '3xx': 0, '4xx': 2, '5xx': 4 })
    const [often, seldom, ...others] = getErrors()
    assert.deepEqual(others, [])
    assert.deepEqual(
      [often.operation, often.code, often.host, often.status, often.count, often.message],
      ['request', 'ERR_HTTP_STATUS', host, 404, 2, 'HTTP 404: Not Found'],
    )
    assert.deepEqual([seldom.status, seldom.count], [503, 1])
    assert.ok(often.firstTime <= often.lastTime && Date.now() - often.lastTime < 60_000)
  })

  test('a call without a response is a failure', async () => {
    await rejection(httpRequest('http://127.0.0.1:1/', { retries: 1, retryDelay: 1 }))
    const { requests, hosts } = getMetrics()
    assert.deepEqual(counts(requests), { total: 1, failed: 1, attempts: 2, retries: 1 })
    assert.deepEqual(counts(hosts['127.0.0.1:1']), { requests: 1, failed: 1 })
    assert.deepEqual(
      getErrors().map(({ code, status }) => [code, status]),
      [['ECONNREFUSED', undefined]],
    )
  })

  test('redirects and bytes are counted', async (t) => {
    const { url } = await startServer(t)
    await httpRequest(`${url}/redirect/2`)
    await httpRequest(url, { method: 'POST', body: 'äöü' })
    const { requests } = getMetrics()
    assert.equal(requests.redirects, 2)
    assert.deepEqual(requests.byStatus, { '2xx': 2, '3xx': 2, '4xx': 0, '5xx': 0 })
    assert.deepEqual([requests.bytesSent, requests.bytesReceived], [6, 3 * 8 + 1])
  })

  test('an aborted call is a failure, and no call is lost', async (t) => {
    const { url, requests: seen } = await startServer(t)
    const controller = new AbortController()
    const call = rejection(httpRequest(`${url}/hang`, { signal: controller.signal }))
    await until(() => seen.length === 1, 'the request has come')
    controller.abort()
    await call
    await until(() => getMetrics().requests.total === 1, 'it is counted')
    assert.equal(getMetrics().requests.failed, 1)
    assert.deepEqual(
      getErrors().map(({ code }) => code),
      ['ABORT_ERR'],
    )
  })

  test('a call that is refused for its arguments is none', async () => {
    await rejection(httpRequest('ftp://a.test/'))
    await rejection(httpRequest('http://a.test/', { retries: 'x' }))
    assert.equal(getMetrics().requests.total, 0)
    assert.deepEqual(getErrors(), [])
  })

  test('a secret in a URL is in no message', async () => {
    await rejection(httpRequest('http://user:hunter2@127.0.0.1:1/?token=hunter2&api_key=hunter2'))
    assert.equal(getErrors().length, 1)
    assert.ok(!JSON.stringify([getErrors(), getMetrics()]).includes('hunter2'))
  })
})

describe('downloads', () => {
  test('a file is published once, and then it is there', async (t) => {
    const { url } = await startServer(t)
    const path = join(temporaryDirectory(t), 'file')
    await downloadWithLock(`${url}/bytes/1000`, path)
    await downloadWithLock(`${url}/bytes/1000`, path)
    const { downloads, locks, requests } = getMetrics()
    assert.deepEqual(counts(downloads), {
      total: 2,
      published: 1,
      cached: 1,
      bytes: 1000,
      bytesSaved: 1000,
      sources: 1,
    })
    assert.equal(downloads.duration.count, 2)
    assert.deepEqual(counts(locks), { acquired: 1 })
    assert.deepEqual([requests.total, requests.succeeded], [1, 1])
  })

  test('calls of one process share a download', async (t) => {
    const origin = await startOrigin({ size: 1000, gated: 1 })
    t.after(() => origin.close())
    const path = join(temporaryDirectory(t), 'file')
    const calls = Array.from({ length: 5 }, () => downloadWithLock(origin.url, path))
    await until(() => origin.requests.length === 1, 'the download has begun')
    // All of them have joined by then: each looks first whether the file is there.
    await new Promise((resolve) => setTimeout(resolve, 200))
    origin.openAll()
    await Promise.all(calls)
    assert.deepEqual(counts(getMetrics().downloads), {
      total: 5,
      published: 1,
      shared: 4,
      bytes: 1000,
      bytesSaved: 4000,
      sources: 1,
    })
  })

  test('what a resumed download did not fetch again is saved', async (t) => {
    const body = Buffer.alloc(200_000, 'x')
    const { startOrigin: resumable } = await import('../helpers/origins/http-origin.mjs')
    const origin = await resumable(t, (request, response) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
      const headers = { etag: '"a"', 'content-length': body.length - from }
      if (from > 0) headers['content-range'] = `bytes ${from}-${body.length - 1}/${body.length}`
      response.writeHead(from > 0 ? 206 : 200, headers)
      if (from > 0) response.end(body.subarray(from))
      else response.write(body.subarray(0, 120_000), () => setTimeout(() => response.destroy(), 50))
    })
    const path = join(temporaryDirectory(t), 'file')
    const { resumedFrom } = await httpDownload(origin.url, path, retrying)
    assert.ok(resumedFrom > 0)
    const { downloads, requests } = getMetrics()
    assert.deepEqual(counts(downloads), {
      total: 1,
      published: 1,
      resumed: 1,
      bytes: body.length - resumedFrom,
      bytesSaved: resumedFrom,
      sources: 1,
    })
    assert.deepEqual([requests.attempts, requests.retries], [2, 1])
  })

  test('a failed download is an error of its own, once', async (t) => {
    const { url } = await startServer(t)
    const path = join(temporaryDirectory(t), 'file')
    await rejection(httpDownload(`${url}/status/404`, path))
    await rejection(downloadWithLock(`${url}/status/404`, path))
    assert.deepEqual(counts(getMetrics().downloads), { total: 2, failed: 2, sources: 2 })
    assert.deepEqual(
      getErrors().map(({ operation, code, status, count }) => [operation, code, status, count]),
      [['download', 'ERR_HTTP_STATUS', 404, 2]],
    )
  })
})

describe('locks', () => {
  test('a lock that another process holds is waited for, and may time out', async (t) => {
    const origin = await startOrigin({ size: 1000, gated: 1 })
    t.after(() => origin.close())
    const path = join(temporaryDirectory(t), 'file')
    const program = `
      import { downloadWithLock } from '@socketsecurity/registry'
      await downloadWithLock(...process.argv.slice(1))
    `
    const other = runNode(program, { args: [origin.url, path] })
    await until(() => origin.requests.length === 1, 'the other process downloads', 20_000)
    const error = await rejection(downloadWithLock(origin.url, path, { lockTimeout: 100 }))
    assert.equal(error.code, 'ERR_LOCK_TIMEOUT')
    const waiting = downloadWithLock(origin.url, path, { settleDelay: 0 })
    setTimeout(origin.openAll, 200)
    await waiting
    await other
    const { locks, downloads } = getMetrics()
    assert.deepEqual([locks.waited, locks.timedOut, locks.wait.count], [2, 1, 2])
    assert.ok(locks.wait.max >= 90 && locks.wait.max < 20_000, `${locks.wait.max}`)
    assert.deepEqual([downloads.cached, downloads.failed], [1, 1])
    assert.deepEqual(
      getErrors().map(({ operation, code }) => [operation, code]),
      [['lock', 'ERR_LOCK_TIMEOUT']],
    )
  })

  test('the lock of a dead holder is taken over', async (t) => {
    const { url } = await startServer(t)
    const directory = temporaryDirectory(t)
    const path = join(directory, 'file')
    const name = `${path.replace(/[^A-Za-z0-9_.-]/g, '_')}.lock`
    const old = new Date(Date.now() - 3_600_000)
    const { mkdirSync, utimesSync } = await import('node:fs')
    mkdirSync(join(directory, '.locks'))
    const lock = join(directory, '.locks', name)
    writeFileSync(lock, JSON.stringify({ pid: 2 ** 22 + 1, startTime: old.getTime(), url }))
    utimesSync(lock, old, old)
    await downloadWithLock(`${url}/bytes/10`, path)
    assert.deepEqual(counts(getMetrics().locks), { acquired: 1, takenOver: 1 })
  })
})

describe('caches of clients', () => {
  test('each call counts once, by what the cache was good for', async (t) => {
    const { createServer } = await import('node:http')
    let isDown = false
    const server = createServer((request, response) => {
      if (isDown) return response.writeHead(503).end()
      const headers = { 'cache-control': 'max-age=0, stale-if-error=600', etag: '"a"' }
      if (request.url === '/fresh') headers['cache-control'] = 'max-age=600'
      const isSame = request.headers['if-none-match'] === '"a"'
      response.writeHead(isSame ? 304 : 200, headers)
      response.end(isSame ? undefined : '{}')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    const baseUrl = `http://127.0.0.1:${server.address().port}`
    const cacheDir = temporaryDirectory(t)
    const client = new HttpClient({ baseUrl, cache: true, cacheDir, retries: 0 })
    await client.getJson('/fresh')
    await client.getJson('/fresh')
    await client.getJson('/old')
    await client.getJson('/old', { cacheTtl: 0 })
    isDown = true
    await client.getJson('/old', { cacheTtl: 0, staleIfError: 600_000 })
    const { cache } = getMetrics()
    assert.equal(cache.memoryHits, 1)
    assert.equal(cache.misses, 2)
    assert.equal(cache.revalidated, 1)
    assert.equal(cache.stale, 1)
    assert.equal(
      Object.values(cache).reduce((sum, count) => sum + count),
      5,
    )
  })

  test('a response from memory sends no request, and counts as none', async (t) => {
    const { url } = await startServer(t)
    const client = new HttpClient({ baseUrl: url, cache: true, cacheDir: temporaryDirectory(t) })
    for (let round = 0; round < 3; round += 1) await client.getText('/text')
    const { cache, requests } = getMetrics()
    assert.deepEqual([requests.total, cache.misses, cache.memoryHits], [1, 1, 2])
  })
})

describe('connections', () => {
  test('the second request uses the connection of the first', async (t) => {
    const { url } = await startServer(t)
    await httpRequest(url)
    await httpRequest(url)
    await httpRequest(url)
    assert.deepEqual(counts(getMetrics().connections), { opened: 1, reused: 2 })
  })

  test('handshakes and HTTP/2 are counted with their connection', async (t) => {
    const { createSecureServer } = await import('node:http2')
    const server = createSecureServer({ key, cert }, (_, response) => response.end())
    const sessions = []
    server.on('session', (session) => sessions.push(session.on('error', () => {})))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      for (const session of sessions) session.destroy()
      server.close()
    })
    const url = `https://localhost:${server.address().port}`
    for (let round = 0; round < 3; round += 1) await httpRequest(url, { ca: cert })
    assert.deepEqual(counts(getMetrics().connections), {
      opened: 1,
      reused: 2,
      tlsHandshakes: 1,
      http2: 1,
    })
  })
})

describe('bounds', () => {
  test('beyond a hundred hosts all are one', async (t) => {
    const { port } = await startServer(t)
    // Addresses that all are this machine. On others than Linux the calls fail, and count all the
    // same.
    const hosts = Array.from({ length: 120 }, (_, index) => `127.0.1.${index + 1}:${port}`)
    for (const host of hosts) {
      await httpRequest(`http://${host}/`, { timeout: 2000 }).catch(() => {})
    }
    const metrics = getMetrics()
    const names = Object.keys(metrics.hosts)
    assert.ok(names.length <= 101 && names.includes('other'), `${names.length}`)
    const all = Object.values(metrics.hosts).reduce((sum, { requests }) => sum + requests, 0)
    assert.deepEqual([metrics.requests.total, all], [120, 120])
  })
})

describe('one set for the process', () => {
  test('what Workers do is counted with the rest', async (t) => {
    const { url } = await startServer(t)
    const program = `
      const { httpRequest } = require('@socketsecurity/registry')
      const { workerData } = require('node:worker_threads')
      httpRequest(workerData)
    `
    const workers = Array.from({ length: 3 }, () => {
      const worker = new Worker(program, { eval: true, workerData: url })
      return once(worker, 'exit')
    })
    await Promise.all([...workers, httpRequest(url)])
    assert.equal(getMetrics().requests.succeeded, 4)
  })

  test('a reset starts again, with a new beginning', async (t) => {
    const { url } = await startServer(t)
    await httpRequest(`${url}/status/500`)
    const before = getMetrics()
    await new Promise((resolve) => setTimeout(resolve, 5))
    resetMetrics()
    const after = getMetrics()
    assert.ok(after.since > before.since)
    assert.deepEqual(after.hosts, {})
    assert.deepEqual([after.requests.total, after.requests.duration.count], [0, 0])
    assert.deepEqual(getErrors(), [])
    await httpRequest(url)
    assert.equal(getMetrics().requests.duration.count, 1)
  })

  test('the numbers are fit for JSON', async (t) => {
    const { url } = await startServer(t)
    await httpJson(`${url}/status/500`).catch(() => {})
    for (const value of [getMetrics(), getErrors()]) {
      assert.deepEqual(JSON.parse(JSON.stringify(value)), value)
    }
  })
})

test('quantiles are within five per cent', async (t) => {
  const { createServer } = await import('node:http')
  const server = createServer((_, response) => setTimeout(() => response.end(), 100))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${server.address().port}`
  for (let round = 0; round < 5; round += 1) await httpRequest(url)
  const { count, sum, min, max, p50, p90, p99 } = getMetrics().requests.duration
  const mean = sum / count
  assert.equal(count, 5)
  assert.ok(min >= 95 && min <= mean && mean <= max * 1.001, JSON.stringify({ min, mean, max }))
  assert.ok(min <= p50 && p50 <= p90 && p90 <= p99 && p99 <= max * 1.001)
})
