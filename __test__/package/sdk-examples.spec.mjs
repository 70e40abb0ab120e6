// The ways of examples/sdk: what their users rely on, and what docs/sdk.md quotes of them.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { safeGet } from '@socketsecurity/registry/lib/cacache'
import { cached } from '../../examples/sdk/cache-by-hand.mjs'
import {
  createDeleteRequest,
  createDeleteRequestWithRetry,
  createGetRequest,
  createGetRequestWithRetry,
  createRequestWithJson,
  createRequestWithJsonWithRetry,
} from '../../examples/sdk/option-a.mjs'
import { SocketSdk } from '../../examples/sdk/option-b.mjs'
import { downloadRuntime } from '../../examples/sdk/runtime.mjs'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, sleep, temporaryDirectory } from '../helpers/support.mjs'

const example = (name) => fileURLToPath(new URL(`../../examples/sdk/${name}`, import.meta.url))
const reset = (_request, response) => void response.socket.resetAndDestroy()
const json = (value) => ({ body: JSON.stringify(value) })
const fast = { retryDelay: 1 }

describe('option A', () => {
  test('sends what its functions say, and gives any status', async (t) => {
    const origin = await startOrigin(t, [json({ a: 1 }), { status: 201 }, { status: 404 }])
    const base = `${origin.url}/v0`
    assert.deepEqual((await createGetRequest(base, '/a')).json(), { a: 1 })
    const made = await createRequestWithJson('POST', base, '/b', { b: 1 }, { headers: { x: 'y' } })
    assert.equal(made.status, 201)
    assert.equal((await createDeleteRequest(base, '/c')).status, 404)
    const sent = origin.requests.map(({ method, path, body, headers }) =>
      [method, path, `${body}`, headers['content-type'], headers.x].join(' ').trim(),
    )
    assert.deepEqual(sent, ['GET /v0/a', 'POST /v0/b {"b":1} application/json y', 'DELETE /v0/c'])
  })

  test('retries by the functions with retries only, and by default not at all', async (t) => {
    const origin = await startOrigin(t, { status: 503, headers: { 'Retry-After': '0' } })
    const json = (call) => (base, path, options) => call('PUT', base, path, {}, options)
    for (const [plain, withRetry] of [
      [createGetRequest, createGetRequestWithRetry],
      [createDeleteRequest, createDeleteRequestWithRetry],
      [json(createRequestWithJson), json(createRequestWithJsonWithRetry)],
    ]) {
      for (const [call, options, requests] of [
        [plain, undefined, 1],
        [plain, { retries: 2 }, 1],
        [withRetry, undefined, 1],
        [withRetry, { retries: 2 }, 3],
      ]) {
        origin.requests.length = 0
        assert.equal((await call(origin.url, '/', options)).status, 503)
        assert.equal(origin.requests.length, requests)
      }
    }
  })

  test('waits retryDelay, and twice as long each time', async (t) => {
    const origin = await startOrigin(t, { status: 503 })
    const waits = []
    const onRetry = (_attempt, _error, delay) => {
      waits.push(delay)
      return 0
    }
    const delays = async (options) => {
      waits.length = 0
      await createGetRequestWithRetry(origin.url, '/', { retries: 3, onRetry, ...options })
    }
    for (const [options, first] of [
      [{}, 1000],
      [{ retryDelay: 50 }, 50],
    ]) {
      await delays(options)
      for (const [index, wait] of waits.entries()) {
        const least = first * 2 ** index
        assert.ok(wait >= least && wait <= least * 1.1 + 1, `${wait} is not about ${least}`)
      }
      assert.equal(waits.length, 3)
    }
  })

  test('retries no POST that may have been processed, unless the caller allows it', async (t) => {
    const origin = await startOrigin(t, reset)
    const options = { retries: 2, ...fast }
    const post = (more) =>
      createRequestWithJsonWithRetry('POST', origin.url, '/', {}, { ...options, ...more })
    await rejection(post())
    assert.equal(origin.requests.length, 1)
    await rejection(createDeleteRequestWithRetry(origin.url, '/', options))
    assert.equal(origin.requests.length, 4)
    await rejection(post({ idempotent: true }))
    assert.equal(origin.requests.length, 7)
  })
})

describe('option B', () => {
  const counting = (_request, _response, index) => ({ body: JSON.stringify(index) })
  const sdkOf = (t, origin, options, token = 'token') =>
    new SocketSdk(token, {
      baseUrl: `${origin.url}/v0`,
      cacheDir: temporaryDirectory(t),
      ...fast,
      ...options,
    })

  test('has its defaults', async (t) => {
    const origin = await startOrigin(t, { status: 500 })
    const error = await rejection(sdkOf(t, origin).getQuota())
    assert.deepEqual([error.status, error.attempts], [500, 4])
    assert.equal(origin.requests.length, 4)
    const authorization = `Basic ${Buffer.from('token:').toString('base64')}`
    assert.equal(origin.requests[0].headers.authorization, authorization)
    origin.requests.length = 0
    await rejection(sdkOf(t, origin, { retries: 1 }).getQuota())
    assert.equal(origin.requests.length, 2)
  })

  test('a scorecard that fails with 503 twice is received', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, { status: 503 }, json({ score: 1 })])
    assert.deepEqual(await sdkOf(t, origin).getPackageScorecard('lodash'), { score: 1 })
    assert.deepEqual(
      origin.requests.map(({ path }) => path),
      Array(3).fill('/v0/packages/lodash/scorecard'),
    )
  })

  test('a 404 is found by the status of its response, and is sent once', async (t) => {
    const origin = await startOrigin(t, { status: 404, body: '{"error":"unknown"}' })
    const error = await rejection(sdkOf(t, origin).getPackageInfo('unknown'))
    assert.equal(error.response?.status, 404)
    assert.deepEqual(error.response.json(), { error: 'unknown' })
    assert.equal(origin.requests.length, 1)
  })

  test('another failure has a message, after the retries', async (t) => {
    const origin = await startOrigin(t, reset)
    const error = await rejection(sdkOf(t, origin).getPackageInfo('lodash'))
    assert.equal(error.response?.status, undefined)
    assert.match(error.message, /^HTTP request failed: /)
    assert.equal(error.attempts, 4)
  })

  test('many packages at once are requested once within their time', async (t) => {
    const origin = await startOrigin(t, ({ path }) => json(path))
    const sdk = sdkOf(t, origin, { cache: true })
    const packages = ['lodash', 'lodash.merge', 'lodash-es', '@types/node', 'a*b', 'ü', 'express']
    const round = () => Promise.all(packages.map((pkg) => sdk.getPackageInfo(pkg)))
    const first = await round()
    assert.equal(origin.requests.length, packages.length)
    assert.deepEqual(await round(), first)
    assert.equal(origin.requests.length, packages.length)
    for (const pkg of packages) {
      origin.requests.length = 0
      assert.equal(await sdk.clearCache(pkg), 1, pkg)
      assert.deepEqual(await round(), first)
      assert.equal(origin.requests.length, 1, `not only ${pkg} was requested`)
    }
    assert.equal(await sdk.clearCache(), packages.length)
  })

  test('caches nothing unless it is configured', async (t) => {
    const origin = await startOrigin(t, counting)
    const sdk = sdkOf(t, origin)
    assert.deepEqual([await sdk.getQuota(), await sdk.getQuota()], [0, 1])
  })

  test('a path may have a time of its own', async (t) => {
    const origin = await startOrigin(t, counting)
    const sdk = sdkOf(t, origin, { cache: true, cacheTtl: { default: 1e6, '/quota': 0 } })
    const values = async () => [await sdk.getPackageInfo('@a/b'), await sdk.getQuota()]
    assert.deepEqual(await values(), [0, 1])
    assert.deepEqual(await values(), [0, 2])
    assert.equal(origin.requests[0].path, '/v0/packages/%40a%2Fb/info')
  })

  test('one token never sees the response to another', async (t) => {
    const origin = await startOrigin(t, ({ headers }) => json(headers.authorization))
    const options = { cache: true, cacheDir: temporaryDirectory(t) }
    for (const token of ['one', 'two', 'one']) {
      const expected = `Basic ${Buffer.from(`${token}:`).toString('base64')}`
      assert.equal(await sdkOf(t, origin, options, token).getQuota(), expected)
    }
    assert.equal(origin.requests.length, 2)
  })

  test('uses an expired response when there is no network', async (t) => {
    const origin = await startOrigin(t, [json({ quota: 1 }), reset])
    const sdk = sdkOf(t, origin, { cache: true, cacheTtl: 0, retries: 1, staleIfError: 60_000 })
    await sdk.getQuota()
    assert.deepEqual(await sdk.getQuota(), { quota: 1 })
    assert.equal(sdk.metrics().stale, 1)
  })
})

describe('a runtime', () => {
  test('is downloaded once, with its progress each ten per cent', async (t) => {
    const size = 3 << 20
    const origin = await startOrigin(t, async (_request, response) => {
      response.writeHead(200, { 'Content-Length': size })
      for (let part = 0; part < 16; part += 1) {
        response.write(Buffer.alloc(size / 16))
        await sleep(60)
      }
      response.end()
    })
    const path = join(temporaryDirectory(t), 'runtime')
    const lines = []
    const download = (print) => downloadRuntime(`${origin.url}/runtime`, path, print)
    const results = await Promise.all([download((line) => lines.push(line)), download(() => {})])
    assert.deepEqual(
      results.map((result) => result.size),
      [size, size],
    )
    assert.equal(origin.requests.length, 1)
    const percents = lines.map((line) => Number(/^Downloaded (\d+) %$/.exec(line)[1]))
    assert.equal(percents.at(-1), 100)
    assert.ok(percents.length >= 2, `${percents}`)
    assert.deepEqual(
      percents,
      [...new Set(percents)].sort((one, other) => one - other),
    )
    for (const percent of percents) assert.equal(percent % 10, 0)
  })

  test('is retried', async (t) => {
    const origin = await startOrigin(t, [
      { status: 503, headers: { 'Retry-After': '0' } },
      { body: 'runtime' },
    ])
    const path = join(temporaryDirectory(t), 'runtime')
    assert.equal((await downloadRuntime(origin.url, path, () => {})).size, 7)
  })
})

describe('a cache by hand', () => {
  test('gives back text and metadata, and its user decides what has expired', async (t) => {
    process.env.SOCKET_CACACHE_DIR = temporaryDirectory(t)
    t.after(() => delete process.env.SOCKET_CACACHE_DIR)
    let fetched = 0
    const fetchValue = async () => ({ fetched: ++fetched })
    const before = Date.now()
    assert.deepEqual(await cached('key', 60_000, fetchValue), { fetched: 1 })
    assert.deepEqual(await cached('key', 60_000, fetchValue), { fetched: 1 })
    const entry = await safeGet('key')
    assert.equal(entry.data.toString(), '{"fetched":1}')
    assert.deepEqual(Object.keys(entry.metadata), ['timestamp'])
    assert.ok(entry.metadata.timestamp >= before && entry.metadata.timestamp <= Date.now())
    assert.deepEqual(await cached('key', 0, fetchValue), { fetched: 2 })
    assert.deepEqual(await cached('other', 60_000, fetchValue), { fetched: 3 })
    assert.equal(await safeGet('none'), undefined)
  })
})

test('examples/sdk/usage.mjs shows what it says', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [example('usage.mjs')], {
    encoding: 'utf8',
    env: { ...process.env, http_proxy: '', HTTP_PROXY: '' },
  })
  assert.equal(status, 0, stderr)
  const asked = [...stdout.matchAll(/received (\d+) requests/g)].map(([, times]) => Number(times))
  assert.deepEqual(asked, [1, 3, 1, 3, 1, 4, 4, 0, 1, 2, 1, 1, 0])
  assert.match(stdout, /"There is no such package"/)
  assert.match(stdout, /"Failed after retries: HTTP 503: Service Unavailable"/)
  assert.match(stdout, /^Downloaded 100 %$/m)
  assert.match(stdout, /for want of a network: 1\n$/)
})

test('docs/sdk.md quotes the examples', () => {
  const flat = (text) => text.replaceAll(/\s+/g, ' ')
  const code = ['option-a.mjs', 'option-b.mjs', 'cache-by-hand.mjs', 'runtime.mjs', 'usage.mjs']
    .map((name) => flat(readFileSync(example(name), 'utf8')))
    .join(' ')
    // Types are for editors.
    .replaceAll(/\/\*\*.*?\*\/ /g, '')
  const docs = readFileSync(new URL('../../docs/sdk.md', import.meta.url), 'utf8')
  const quotes = [...docs.matchAll(/```js\n(.*?)```/gs)].flatMap(([, text]) =>
    text.trim().split('\n\n'),
  )
  assert.ok(quotes.length >= 6)
  for (const quote of quotes) assert.ok(code.includes(flat(quote)), quote)
})
