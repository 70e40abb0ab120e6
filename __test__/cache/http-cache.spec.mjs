// The cache of HttpClient: what is asked for again, what is not, and who sees what.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, describe, test } from 'node:test'
import { HttpClient } from '@socketsecurity/registry'
import { later, silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, sleep, temporaryDirectory, until } from '../helpers/support.mjs'

/** Long enough for calls that began together to have joined one request, on a busy machine. */
const JOINED = 300

/** Responds with the number of requests that came before, and with these header fields. */
const counting = (headers = {}) => {
  return (_request, _response, index) => ({ headers, body: JSON.stringify(index) })
}
/** Responds with 304 to a request that has the last version. */
const validated = (headers = {}) => {
  return (request, _response, index) =>
    request.headers['if-none-match'] === '"v"'
      ? { status: 304, headers: { ETag: '"v"', 'X-Index': `${index}` } }
      : { headers: { ETag: '"v"', ...headers }, body: JSON.stringify(index) }
}

const clients = []

// Before the directories are removed.
afterEach(() => Promise.all(clients.splice(0).map((client) => client.flush())))

for (const cache of ['memory', 'disk', true]) {
  /** A client of this kind of cache, with a directory of its own. */
  const clientOf = (t, origin, options) => {
    const cacheDir = options?.cacheDir ?? temporaryDirectory(t)
    const own = { baseUrl: origin.url, cache, retryDelay: 1, ...options, cacheDir }
    const client = new HttpClient(own)
    clients.push(client)
    return client
  }

  describe(`cache: ${cache}`, () => {
    test('a response is used again within its time', async (t) => {
      const origin = await startOrigin(t, counting({ 'X-A': 'a', Link: ['b', 'c'] }))
      const client = clientOf(t, origin)
      const started = performance.now()
      const [first, second] = [await client.request('/'), await client.request('/')]
      const seconds = (performance.now() - started) / 1000
      assert.equal(origin.requests.length, 1)
      assert.deepEqual(second.json(), first.json())
      assert.equal(second.status, 200)
      assert.equal(second.statusText, 'OK')
      assert.equal(second.headers['x-a'], 'a')
      assert.equal(second.headers.link, 'b, c')
      assert.equal(first.headers.age, undefined)
      assert.match(second.headers.age, /^\d+$/)
      assert.ok(second.headers.age <= Math.ceil(seconds), `${second.headers.age} s`)
      assert.equal(await client.getText('/', { headers: { Accept: 'x' } }), '0')
      const { memoryHits, diskHits, requests } = client.metrics()
      assert.equal(memoryHits + diskHits, 2)
      assert.equal(requests, 3)
    })

    test('what a caller does to a response does not reach the next one', async (t) => {
      const origin = await startOrigin(t, { body: '{"a":1}' })
      const client = clientOf(t, origin)
      for (let count = 0; count < 3; count += 1) {
        const response = await client.request('/')
        response.body.fill(0)
        response.headers.etag = 'x'
        const value = await client.getJson('/')
        assert.deepEqual(value, { a: 1 })
        value.a = 2
      }
      assert.equal(origin.requests.length, 1)
    })

    test('an expired response is revalidated', async (t) => {
      const origin = await startOrigin(t, validated())
      const client = clientOf(t, origin, { cacheTtl: 0 })
      assert.equal(await client.getJson('/'), 0)
      const second = await client.request('/')
      assert.equal(second.status, 200)
      assert.equal(second.json(), 0)
      assert.equal(second.headers['x-index'], '1')
      assert.equal(origin.requests[1].headers['if-none-match'], '"v"')
      assert.equal(client.metrics().revalidated, 1)
    })

    test('a new response replaces the old one', async (t) => {
      let version = 'a'
      const origin = await startOrigin(t, ({ headers }) =>
        headers['if-none-match'] === `"${version}"`
          ? { status: 304 }
          : { headers: { ETag: `"${version}"` }, body: `"${version}"` },
      )
      const client = clientOf(t, origin, { cacheTtl: 0 })
      const get = () => client.getJson('/')
      assert.deepEqual([await get(), await get()], ['a', 'a'])
      version = 'b'
      assert.deepEqual([await get(), await get()], ['b', 'b'])
      assert.deepEqual(
        origin.requests.map(({ headers }) => headers['if-none-match']),
        [undefined, '"a"', '"a"', '"b"'],
      )
    })

    test('a 304 for another representation is ignored', async (t) => {
      const origin = await startOrigin(t, ({ headers }, _response, index) =>
        headers['if-none-match']
          ? { status: 304, headers: { ETag: '"other"' } }
          : { headers: { ETag: '"v"' }, body: `${index}` },
      )
      const client = clientOf(t, origin, { cacheTtl: 0 })
      assert.deepEqual([await client.getJson('/'), await client.getJson('/')], [0, 2])
    })

    test('a 304 from behind a redirect is not believed', async (t) => {
      const origin = await startOrigin(t, ({ path, headers }, _response, index) => {
        if (path === '/elsewhere') {
          return headers['if-none-match']
            ? { status: 304, headers: { ETag: '"v"' } }
            : { headers: { ETag: '"v"' }, body: `${index}` }
        }
        const moved = { status: 302, headers: { Location: '/elsewhere' } }
        return index === 0 ? { headers: { ETag: '"v"' }, body: '"first"' } : moved
      })
      const client = clientOf(t, origin, { cacheTtl: 0 })
      // The first one, then twice the way to the other place, with and without a condition.
      assert.deepEqual([await client.getJson('/'), await client.getJson('/')], ['first', 4])
    })

    test('one credential never sees the response to another', async (t) => {
      const origin = await startOrigin(t, ({ headers }) => ({
        headers: { 'Cache-Control': 'public, max-age=100' },
        body: JSON.stringify(headers.authorization ?? headers['x-api-key'] ?? 'nobody'),
      }))
      const cacheDir = temporaryDirectory(t)
      const of = (headers) => clientOf(t, origin, { cacheDir, headers })
      const one = of({ Authorization: 'Bearer one' })
      assert.equal(await one.getJson('/'), 'Bearer one')
      const two = { Authorization: 'Bearer two' }
      assert.equal(await of(two).getJson('/'), 'Bearer two')
      assert.equal(await one.getJson('/', { headers: two }), 'Bearer two')
      assert.equal(await of({ 'X-Api-Key': 'three' }).getJson('/'), 'three')
      assert.equal(await of({}).getJson('/'), 'nobody')
      assert.equal(await one.getJson('/'), 'Bearer one')
    })

    test('a response that varies has a place for each variant', async (t) => {
      const origin = await startOrigin(t, ({ headers }, _response, index) => ({
        headers: { Vary: 'X-Language, Accept-Encoding' },
        body: JSON.stringify([headers['x-language'], index]),
      }))
      const client = clientOf(t, origin)
      const get = (language) => client.getJson('/', { headers: { 'X-Language': language } })
      assert.deepEqual(
        [await get('de'), await get('fr')],
        [
          ['de', 0],
          ['fr', 1],
        ],
      )
      assert.deepEqual(
        [await get('de'), await get('fr')],
        [
          ['de', 0],
          ['fr', 1],
        ],
      )
      assert.equal(origin.requests.length, 2)
    })

    test('errors, cookies, partial responses and what the server forbids are not cached', async (t) => {
      const responses = {
        '/404': { status: 404, headers: { 'Cache-Control': 'max-age=100' } },
        '/500': { status: 500 },
        '/301': { status: 301, headers: { Location: '/ok' } },
        '/no-store': { headers: { 'Cache-Control': 'No-Store' } },
        '/cookie': { headers: { 'Set-Cookie': 'a=b', 'Cache-Control': 'max-age=100' } },
        '/vary': { headers: { Vary: '*' } },
        '/206': { status: 206 },
      }
      const origin = await startOrigin(t, ({ path }) => responses[path] ?? {})
      const client = clientOf(t, origin, { retries: 0 })
      for (const path of Object.keys(responses)) {
        await client.request(path)
        const before = origin.requests.length
        await client.request(path)
        assert.ok(origin.requests.length > before, path)
      }
    })

    test('a request with a directive bypasses the cache', async (t) => {
      const origin = await startOrigin(t, counting({ ETag: '"v"' }))
      const client = clientOf(t, origin)
      assert.equal(await client.getJson('/'), 0)
      const past = [
        { cache: false },
        { headers: { Range: 'bytes=0-' } },
        { headers: { 'If-None-Match': '"x"' } },
        { headers: { 'Cache-Control': 'no-store' } },
        { method: 'POST' },
      ]
      for (const [index, options] of past.entries()) {
        assert.equal((await client.request('/', options)).text(), `${index + 1}`)
      }
      const revalidated = await client.getJson('/', { headers: { 'Cache-Control': 'no-cache' } })
      assert.equal(revalidated, past.length + 1)
      assert.equal(origin.requests.at(-1).headers['if-none-match'], undefined)
    })

    test('a change by another method is seen by the next GET', async (t) => {
      const origin = await startOrigin(t, ({ method }, _response, index) => ({
        status: method === 'PATCH' ? 409 : 200,
        body: JSON.stringify(index),
      }))
      const client = clientOf(t, origin)
      const get = () => client.getJson('/a')
      assert.deepEqual([await get(), await get()], [0, 0])
      await client.sendJson('PUT', '/a', 1)
      assert.equal(await get(), 2)
      await client.sendJson('POST', '/b', 1)
      assert.equal(await get(), 2)
      await rejection(client.sendJson('PATCH', '/a', 1))
      assert.equal(await get(), 2)
      await client.sendJson('DELETE', '/a')
      assert.equal(await get(), 6)
    })

    test('the time is that of the longest beginning of the path', async (t) => {
      const origin = await startOrigin(t, counting())
      const client = clientOf(t, origin, {
        baseUrl: `${origin.url}/v0`,
        cacheTtl: { default: 0, '/slow': 1e6, '/slow/not': 0 },
      })
      const asks = async (path) => {
        const before = origin.requests.length
        await client.getJson(path)
        await client.getJson(path)
        return origin.requests.length - before
      }
      assert.deepEqual(
        [await asks('/x'), await asks('/slow/x'), await asks('/slow/not')],
        [2, 1, 2],
      )
      assert.equal(await client.getJson('/x', { cacheTtl: 1e6 }), 1)
    })

    test('the server may want less time, and is obeyed', async (t) => {
      const origin = await startOrigin(t, ({ path }, _response, index) => ({
        headers: { 'Cache-Control': path.slice(1) },
        body: JSON.stringify(index),
      }))
      const client = clientOf(t, origin)
      for (const [directive, requests] of [
        ['max-age=0', 2],
        ['No-Cache', 2],
        ['max-age=1000', 1],
        ['private', 1],
      ]) {
        const before = origin.requests.length
        await client.getJson(`/${directive}`)
        await client.getJson(`/${directive}`)
        assert.equal(origin.requests.length - before, requests, directive)
      }
    })

    test('clearCache removes all, or those with a prefix, and returns how many', async (t) => {
      const origin = await startOrigin(t, counting())
      const client = clientOf(t, origin, { baseUrl: `${origin.url}/v0` })
      const fill = async () => {
        for (const path of ['/a/1', '/a/2', '/b/1?x=*', '/c/list/1']) await client.getJson(path)
      }
      await fill()
      const asked = origin.requests.length
      assert.equal(await client.clearCache('/a'), 2)
      assert.equal(await client.clearCache('/a'), 0)
      assert.equal(await client.clearCache('/*/list'), 1)
      assert.equal(await client.clearCache(`${origin.url}/v0/b/1?x`), 1)
      await fill()
      assert.equal(origin.requests.length, asked * 2)
      assert.equal(await client.clearCache(), 4)
      assert.equal(await client.clearCache(), 0)
      assert.ok((await rejection(client.clearCache(1))) instanceof TypeError)
    })

    test('a response that is under way when the cache is cleared is not cached', async (t) => {
      const origin = await startOrigin(t, later(50, { body: '1' }))
      const client = clientOf(t, origin)
      const call = client.getJson('/')
      await until(() => origin.requests.length === 1, 'the request')
      await client.clearCache()
      const joined = client.getJson('/')
      await Promise.all([call, joined])
      assert.equal(origin.requests.length, 2)
    })

    test('equal calls at the same time share one request', async (t) => {
      const origin = await startOrigin(t, later(JOINED, { status: 503, body: '{"a":1}' }))
      const client = clientOf(t, origin, { retries: 0 })
      const calls = Array.from({ length: 10 }, () => client.request('/'))
      const other = client.request('/', { headers: { Authorization: 'x' } })
      for (const response of await Promise.all(calls)) assert.deepEqual(response.json(), { a: 1 })
      await other
      assert.equal(origin.requests.length, 2)
      assert.equal(client.metrics().shared, 9)
    })

    test('one that leaves does not end the request of the others; the last one does', async (t) => {
      let respond
      const told = new Promise((resolve) => {
        respond = resolve
      })
      // The second request gets no response: those who wait for it leave before.
      const first = async () => {
        await told
        return { body: '1' }
      }
      const origin = await startOrigin(t, [first, silence, { body: '1' }])
      const client = clientOf(t, origin)
      const controllers = Array.from({ length: 3 }, () => new AbortController())
      const calls = controllers.map(({ signal }) => client.getJson('/', { signal }))
      await until(() => origin.requests.length === 1, 'the request')
      await sleep(JOINED)
      controllers[0].abort()
      assert.equal((await rejection(calls[0])).name, 'AbortError')
      respond()
      assert.deepEqual(await Promise.all(calls.slice(1)), [1, 1])
      assert.equal(origin.requests.length, 1)

      const gone = ['a', 'b'].map(() => {
        const controller = new AbortController()
        return [controller, client.getJson('/gone', { signal: controller.signal })]
      })
      await until(() => origin.requests.length === 2, 'the second request')
      await sleep(JOINED)
      for (const [controller, call] of gone) {
        controller.abort()
        await rejection(call)
      }
      assert.equal(await client.getJson('/gone'), 1)
      assert.equal(origin.requests.length, 3)
    })

    test('a failure is shared, and not cached', async (t) => {
      const origin = await startOrigin(t, [
        (_request, response) => void setTimeout(() => response.destroy(), JOINED),
        { body: '1' },
      ])
      const client = clientOf(t, origin, { retries: 0 })
      const calls = [client.getJson('/'), client.getJson('/')].map(rejection)
      for (const error of await Promise.all(calls)) assert.equal(error.code, 'ECONNRESET')
      assert.equal(origin.requests.length, 1)
      assert.equal(await client.getJson('/'), 1)
    })

    test('staleIfError returns a stale response for as long as it allows', async (t) => {
      let scripted = { body: '1' }
      const origin = await startOrigin(t, (_request, response) =>
        scripted ? scripted : void response.destroy(),
      )
      const client = clientOf(t, origin, { cacheTtl: 0, staleIfError: 60_000, retries: 1 })
      assert.equal(await client.getJson('/'), 1)
      assert.equal(await client.getJson('/strict'), 1)
      scripted = undefined
      assert.equal(await client.getJson('/'), 1)
      for (const status of [500, 502, 503, 504]) {
        scripted = { status }
        assert.equal(await client.getJson('/'), 1)
      }
      scripted = { status: 404 }
      assert.equal((await rejection(client.getJson('/'))).status, 404)
      scripted = undefined
      assert.ok(await rejection(client.getJson('/', { staleIfError: 0 })))
      assert.ok(await rejection(client.getJson('/never')))
      assert.equal(client.metrics().stale, 5)
    })

    test('a response that must be revalidated is never used stale', async (t) => {
      const headers = { 'Cache-Control': 'max-age=0, must-revalidate' }
      const origin = await startOrigin(t, [{ headers, body: '1' }, { status: 503 }])
      const client = clientOf(t, origin, { staleIfError: 60_000, retries: 0 })
      assert.equal(await client.getJson('/'), 1)
      assert.equal((await rejection(client.getJson('/'))).status, 503)
    })

    test('maxResponseSize applies to cached responses', async (t) => {
      const origin = await startOrigin(t, { body: '"long"' })
      const client = clientOf(t, origin)
      assert.equal(await client.getJson('/'), 'long')
      const error = await rejection(client.getJson('/', { maxResponseSize: 2 }))
      assert.equal(error.code, 'ERR_BODY_TOO_LARGE')
    })

    test('a signal that has fired is obeyed though the response is there', async (t) => {
      const origin = await startOrigin(t, { body: '1' })
      const client = clientOf(t, origin)
      await client.getJson('/')
      const error = await rejection(client.getJson('/', { signal: AbortSignal.abort() }))
      assert.equal(error.name, 'AbortError')
    })

    test('a response behind a redirect is not that of the URL', async (t) => {
      const origin = await startOrigin(t, ({ path }, _response, index) =>
        path === '/from'
          ? { status: 302, headers: { Location: '/to' } }
          : { body: JSON.stringify(index) },
      )
      const client = clientOf(t, origin)
      assert.deepEqual([await client.getJson('/from'), await client.getJson('/from')], [1, 3])
    })
  })
}

test('without the option nothing is cached and nothing is shared', async (t) => {
  const origin = await startOrigin(t, counting())
  for (const options of [{}, { cache: false }]) {
    const client = new HttpClient({ baseUrl: origin.url, ...options })
    await Promise.all([client.getJson('/'), client.getJson('/')])
    assert.equal(await client.clearCache(), 0)
    assert.equal(client.metrics().memoryEntries, 0)
  }
  assert.equal(origin.requests.length, 4)
})

test('memory is bounded in bytes', async (t) => {
  const origin = await startOrigin(t, { body: JSON.stringify('x'.repeat(10_000)) })
  const client = new HttpClient({ baseUrl: origin.url, cache: 'memory', cacheMemoryMax: 50_000 })
  for (let index = 0; index < 20; index += 1) await client.getJson(`/${index}`)
  const { memoryEntries, memoryBytes } = client.metrics()
  assert.ok(memoryEntries >= 3 && memoryEntries <= 4, `${memoryEntries}`)
  assert.ok(memoryBytes <= 50_000, `${memoryBytes}`)
  await client.getJson('/19')
  assert.equal(client.metrics().memoryHits, 1)
})

test('a Worker that ends does not take the responses of others along', async (t) => {
  const origin = await startOrigin(t, later(100, { body: '1' }))
  const { Worker } = await import('node:worker_threads')
  const code = `
    const { HttpClient } = require('@socketsecurity/registry')
    const client = new HttpClient({ baseUrl: '${origin.url}', cache: 'memory' })
    client.getJson('/').catch(() => {})
    setTimeout(() => process.exit(), 20)
  `
  const client = new HttpClient({ baseUrl: origin.url, cache: 'memory' })
  const worker = new Worker(code, { eval: true, execArgv: [] })
  const call = client.getJson('/')
  await once(worker, 'exit')
  assert.equal(await call, 1)
})
