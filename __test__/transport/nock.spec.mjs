// Tests of callers with nock: what it mocks is retried, redirected, decoded, downloaded and locked
// as a real response.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import {
  downloadWithLock,
  fetchChecksumFile,
  HttpClient,
  httpDownload,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
} from '@socketsecurity/registry'
import nock from 'nock'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const API = 'https://api.example.test'

nock.disableNetConnect()
afterEach(() => {
  const pending = nock.pendingMocks()
  nock.cleanAll()
  nock.enableNetConnect()
  nock.disableNetConnect()
  assert.deepEqual(pending, [])
})

describe('requests', () => {
  test('get what is mocked, without an option for the transport', async () => {
    nock(API)
      .get('/items?page=2')
      .reply(200, { items: [1] }, { ETag: '"a"' })
    const response = await httpRequest(`${API}/items?page=2`)
    assert.equal(response.status, 200)
    assert.equal(response.statusText, 'OK')
    assert.deepEqual(response.json(), { items: [1] })
    assert.equal(response.headers.etag, '"a"')
    assert.match(response.headers['content-type'], /^application\/json/)
  })

  test('are matched by their body and header fields', async () => {
    nock(API, { reqheaders: { authorization: 'Bearer x', 'content-type': 'application/json' } })
      .post('/items', { name: 'a' })
      .reply(201, { id: 7 })
    const made = await httpJson(`${API}/items`, {
      method: 'POST',
      headers: { Authorization: 'Bearer x' },
      body: JSON.stringify({ name: 'a' }),
    })
    assert.deepEqual(made, { id: 7 })
  })

  test('stream their body', async () => {
    nock(API).put('/file', 'one two three').reply(204)
    const body = Readable.from(['one ', 'two ', 'three'])
    assert.equal((await httpRequest(`${API}/file`, { method: 'PUT', body })).status, 204)
  })

  test('get bodies of functions, with the request', async () => {
    nock(API)
      .post('/echo')
      .reply(200, (uri, body) => ({ uri, body }))
    const options = { method: 'POST', body: 'text' }
    assert.deepEqual(
      await httpJson(`${API}/echo`, { ...options, headers: { 'Content-Type': 'text/plain' } }),
      {
        uri: '/echo',
        body: 'text',
      },
    )
  })

  test('get bodies of streams', async () => {
    nock(API)
      .get('/stream')
      .times(2)
      .reply(200, () => Readable.from(['a', 'b', 'c']))
    assert.equal(await httpGetText(`${API}/stream`), 'abc')
    const { rawResponse } = await httpRequest(`${API}/stream`, { stream: true })
    assert.equal(await text(rawResponse), 'abc')
  })

  test('decode what is encoded', async () => {
    const headers = { 'Content-Encoding': 'gzip' }
    nock(API)
      .get('/')
      .reply(200, gzipSync('a'.repeat(100_000)), headers)
    assert.equal((await httpGetText(API)).length, 100_000)
  })

  test('get repeated fields', async () => {
    nock(API)
      .get('/')
      .reply(200, '', ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Vary', 'x', 'Vary', 'y'])
    const { headers } = await httpRequest(API)
    assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2'])
    assert.equal(headers.vary, 'x, y')
  })

  test('have no body for HEAD and 204', async () => {
    nock(API).head('/').reply(200, '', { 'Content-Length': '5' }).delete('/').reply(204)
    const head = await httpRequest(API, { method: 'HEAD' })
    assert.equal(head.headers['content-length'], '5')
    assert.equal(head.body.length, 0)
    assert.equal((await httpRequest(API, { method: 'DELETE' })).status, 204)
  })

  test('reject for a status as they always do', async () => {
    nock(API).get('/').reply(404, 'none')
    const error = await rejection(httpGetJson(API))
    assert.equal(error.message, 'HTTP 404: Not Found')
    assert.equal(error.response.text(), 'none')
  })
})

describe('retries', () => {
  const again = { retries: 2, retryDelay: 1 }

  test('continue with the next reply', async () => {
    nock(API).get('/').reply(503).get('/').matchHeader('retry-attempt', '1').reply(200, 'ok')
    const response = await httpRequest(API, again)
    assert.equal(response.text(), 'ok')
    assert.equal(response.attempts, 2)
  })

  test('follow errors of the network', async () => {
    const reset = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
    nock(API)
      .get('/')
      .replyWithError(reset)
      .get('/')
      .replyWithError('boom')
      .get('/')
      .reply(200, 'ok')
    assert.equal((await httpRequest(API, again)).attempts, 3)
  })

  test('end with the last error, its code and its message', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), {
      code: 'ECONNREFUSED',
      syscall: 'connect',
    })
    nock(API).get('/').times(3).replyWithError(refused)
    const error = await rejection(httpRequest(API, again))
    assert.equal(error.code, 'ECONNREFUSED')
    assert.equal(error.syscall, 'connect')
    assert.equal(error.attempts, 3)
    assert.equal(error.url, `${API}/`)
    assert.equal(error.message, 'HTTP request failed: connect ECONNREFUSED')
  })

  test('keep codes that nobody knows', async () => {
    nock(API)
      .get('/')
      .replyWithError(Object.assign(new Error('odd'), { code: 'EODD' }))
    const error = await rejection(httpRequest(API))
    assert.equal(error.code, 'EODD')
    assert.equal(error.message, 'HTTP request failed: EODD: odd')
  })

  test('of a client use its own number', async () => {
    nock(API).get('/v0/quota').times(3).reply(500).get('/v0/quota').reply(200, { left: 1 })
    const client = new HttpClient({ baseUrl: `${API}/v0`, retryDelay: 1 })
    assert.deepEqual(await client.getJson('/quota'), { left: 1 })
    assert.equal(client.metrics().attempts, 4)
  })

  test('reach nothing that is not allowed, and fail at once', async () => {
    const error = await rejection(
      httpRequest('http://not-mocked.test/', { retries: 3, retryDelay: 60_000 }),
    )
    assert.equal(error.code, 'ENETUNREACH')
    assert.match(error.message, /^HTTP request failed: .*Nock: Disallowed net connect for/)
    assert.equal(error.attempts, 1)
  })

  test('are not made for what no interceptor expects', async () => {
    nock(API).persist().get('/a').reply(200)
    const headers = { Authorization: 'Bearer s3cret' }
    const url = `${API}/b?token=s3cret`
    const error = await rejection(httpRequest(url, { headers, retries: 3, retryDelay: 60_000 }))
    assert.equal(error.code, 'ERR_NOCK_NO_MATCH')
    assert.doesNotMatch(`${error.message} ${error.cause.message} ${error.url}`, /s3cret/)
    assert.equal(error.attempts, 1)
    await httpRequest(`${API}/a`)
    nock.cleanAll()
  })
})

describe('redirects', () => {
  test('are requests of their own, from scope to scope', async () => {
    nock(API).get('/a').reply(302, '', { Location: 'https://cdn.example.test/b' })
    const cdn = nock('https://cdn.example.test', { badheaders: ['authorization'] })
    cdn.get('/b').reply(301, '', { Location: '/c' }).get('/c').reply(200, 'there')
    const headers = { Authorization: 'Bearer x' }
    assert.equal((await httpRequest(`${API}/a`, { headers })).text(), 'there')
  })

  test('are counted', async () => {
    nock(API).persist().get('/').reply(302, '', { Location: '/' })
    const error = await rejection(httpRequest(API, { maxRedirects: 2 }))
    assert.equal(error.code, 'ERR_TOO_MANY_REDIRECTS')
    nock.cleanAll()
  })
})

describe('delays', () => {
  test('of a reply are waited for', async () => {
    nock(API).get('/').delay(50).reply(200, 'late')
    assert.equal(await httpGetText(API), 'late')
  })

  test('are bounded by the timeout', async () => {
    nock(API).get('/').delay(60_000).reply(200)
    const error = await rejection(httpRequest(API, { timeout: 50 }))
    assert.equal(error.message, 'Request timed out after 50ms')
    nock.abortPendingRequests()
  })

  test('are ended by a signal', async () => {
    nock(API).get('/').delay(60_000).reply(200)
    const controller = new AbortController()
    const sent = rejection(httpRequest(API, { signal: controller.signal }))
    await sleep(20)
    controller.abort('enough')
    const error = await sent
    assert.equal(error.name, 'AbortError')
    assert.equal(error.cause, 'enough')
    nock.abortPendingRequests()
  })
})

describe('downloads', () => {
  const bytes = Buffer.alloc(300_000, 'socket registry ')
  const sha256 = createHash('sha256').update(bytes).digest('hex')

  test('are verified, with progress', async (t) => {
    const destination = join(temporaryDirectory(t), 'file')
    nock(API)
      .get('/file')
      .reply(200, bytes, { 'Content-Length': String(bytes.length) })
    let last
    const onProgress = (...both) => {
      last = both
    }
    const result = await httpDownload(`${API}/file`, destination, { sha256, onProgress })
    assert.equal(result.size, bytes.length)
    assert.equal(result.sha256, sha256)
    assert.deepEqual(last, [bytes.length, bytes.length])
    assert.ok(readFileSync(destination).equals(bytes))
  })

  test('publish nothing that has another digest', async (t) => {
    const destination = join(temporaryDirectory(t), 'file')
    nock(API).get('/file').reply(200, 'something else')
    const error = await rejection(httpDownload(`${API}/file`, destination, { sha256 }))
    assert.equal(error.code, 'ERR_INTEGRITY')
    assert.equal(existsSync(destination), false)
  })

  test('are resumed where a truncated body ended', async (t) => {
    const destination = join(temporaryDirectory(t), 'file')
    const half = bytes.length / 2
    const broken = () => {
      const body = new Readable({ read() {} })
      body.push(bytes.subarray(0, half))
      setTimeout(() => body.destroy(new Error('broken')), 50)
      return body
    }
    const headers = { ETag: '"a"', 'Content-Length': String(bytes.length) }
    nock(API)
      .get('/file')
      .reply(200, broken, headers)
      .get('/file')
      .matchHeader('range', `bytes=${half}-`)
      .matchHeader('if-range', '"a"')
      .reply(206, bytes.subarray(half), {
        ETag: '"a"',
        'Content-Range': `bytes ${half}-${bytes.length - 1}/${bytes.length}`,
      })
    const result = await httpDownload(`${API}/file`, destination, {
      retries: 1,
      retryDelay: 1,
      sha256,
    })
    assert.equal(result.attempts, 2)
    assert.equal(result.resumedFrom, half)
  })

  test('continue with the mirror when the first source fails', async (t) => {
    const destination = join(temporaryDirectory(t), 'file')
    nock(API).get('/file').reply(404)
    nock('https://mirror.test').get('/file').reply(200, bytes)
    const mirrors = ['http://not-mocked.test/file', 'https://mirror.test/file']
    const result = await httpDownload(`${API}/file`, destination, { mirrors, sha256 })
    assert.equal(result.source, 'https://mirror.test/file')
  })

  test('under a lock are shared', async (t) => {
    const destination = join(temporaryDirectory(t), 'file')
    nock(API).get('/file').reply(200, bytes)
    const calls = Array.from({ length: 3 }, () => downloadWithLock(`${API}/file`, destination))
    for (const { size } of await Promise.all(calls)) assert.equal(size, bytes.length)
    assert.ok(readFileSync(destination).equals(bytes))
  })

  test('get their digests from a file that is mocked, too', async (t) => {
    const destination = join(temporaryDirectory(t), 'file')
    nock(API).get('/SHA256SUMS').reply(200, `${sha256}  file\n`).get('/file').reply(200, bytes)
    const checksums = await fetchChecksumFile(`${API}/SHA256SUMS`)
    await httpDownload(`${API}/file`, destination, { integrity: checksums.file })
  })
})

describe('the cache of a client', () => {
  test('caches what is mocked for the next call', async () => {
    nock(API).get('/item').reply(200, { a: 1 }, { 'Cache-Control': 'max-age=60' })
    const client = new HttpClient({ baseUrl: API, cache: 'memory' })
    assert.deepEqual(await client.getJson('/item'), { a: 1 })
    assert.deepEqual(await client.getJson('/item'), { a: 1 })
    assert.equal(client.metrics().memoryHits, 1)
  })

  test('is not that of native requests', async (t) => {
    const origin = await startOrigin(t, {
      body: '"real"',
      headers: { 'Cache-Control': 'max-age=60' },
    })
    const cacheDir = temporaryDirectory(t)
    const client = new HttpClient({ baseUrl: origin.url, cache: true, cacheDir, retries: 0 })
    nock(origin.url).get('/').reply(200, '"mocked"', { 'Cache-Control': 'max-age=60' })
    assert.equal(await client.getJson('/'), 'mocked')
    assert.equal(await client.getJson('/', { transport: 'native' }), 'real')
    assert.equal(await client.getJson('/'), 'mocked')
  })
})

describe('nock', () => {
  test('lets through what it is configured to', async (t) => {
    const origin = await startOrigin(t, { body: 'real' })
    nock.enableNetConnect('127.0.0.1')
    assert.equal(await httpGetText(origin.url), 'real')
    nock(origin.url, { allowUnmocked: true }).get('/mocked').reply(200, 'mocked')
    assert.equal(await httpGetText(`${origin.url}/mocked`), 'mocked')
    assert.equal(await httpGetText(`${origin.url}/other`), 'real')
  })

  test('that persists replies for ever', async () => {
    nock(API).persist().get('/').reply(200, 'again')
    for (const _ of Array(3)) assert.equal(await httpGetText(API), 'again')
    nock.cleanAll()
  })

  test('sees nothing after restore, and everything after activate', async (t) => {
    const origin = await startOrigin(t, { body: 'real' })
    nock(origin.url).get('/').reply(200, 'mocked')
    nock.restore()
    try {
      assert.equal(await httpGetText(origin.url), 'real')
    } finally {
      nock.activate()
    }
    assert.equal(await httpGetText(origin.url), 'mocked')
  })

  test('records and plays back with nockBack', async (t) => {
    const origin = await startOrigin(t, {
      body: '{"real":true}',
      headers: { 'Content-Type': 'application/json' },
    })
    nock.back.fixtures = temporaryDirectory(t)
    t.after(() => nock.back.setMode('dryrun'))
    for (const expected of [1, 1]) {
      nock.back.setMode(existsSync(join(nock.back.fixtures, 'one.json')) ? 'lockdown' : 'record')
      if (nock.back.currentMode === 'record') nock.enableNetConnect()
      const { nockDone } = await nock.back('one.json')
      assert.deepEqual(await httpGetJson(origin.url), { real: true })
      nockDone()
      assert.equal(origin.requests.length, expected)
    }
    nock.disableNetConnect()
  })
})
