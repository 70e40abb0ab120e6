// HttpClient: options that hold for all calls to one API.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { HttpClient, HttpResponseError } from '@socketsecurity/registry'
import { later, silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import { raw, sayAndClose, startRawOrigin, unusedUrl } from '../helpers/origins/raw-origin.mjs'
import { rejection, runProgram, temporaryDirectory } from '../helpers/support.mjs'

const json = (value) => ({
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(value),
})
const fast = { retryDelay: 1 }
const pathsOf = (origin) => origin.requests.map(({ path }) => path)

describe('a path', () => {
  test('is joined to baseUrl, whichever of them has the slash', async (t) => {
    const origin = await startOrigin(t, json({}))
    for (const base of ['/v0', '/v0/']) {
      const client = new HttpClient({ baseUrl: origin.url + base })
      for (const path of ['quota', '/quota', '/quota?a=b', '?a=b', '', 'a/./b', 'pkg:npm/a']) {
        await client.getJson(path)
      }
    }
    const once = ['quota', 'quota', 'quota?a=b', '?a=b', '', 'a/b', 'pkg:npm/a'].map((path) =>
      path === '' || path.startsWith('?') ? `/v0${path}` : `/v0/${path}`,
    )
    assert.deepEqual(pathsOf(origin), [...once, ...once])
  })

  test('never leaves baseUrl', async (t) => {
    const origin = await startOrigin(t, json({}))
    const client = new HttpClient({ baseUrl: new URL(`${origin.url}/v0`) })
    const paths = ['../x', '/../x', 'a/../../x', '%2e%2e/x', '//127.0.0.1/x', '/\\127.0.0.1/x']
    for (const path of paths) {
      const error = await rejection(client.getJson(path))
      assert.ok(error instanceof TypeError, `${path}: ${error}`)
      assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
    }
    assert.equal(origin.requests.length, 0)
  })

  test('needs a baseUrl', async () => {
    const error = await rejection(new HttpClient().getText('/x'))
    assert.match(error.message, /no baseUrl/)
    assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
  })
})

describe('credentials of the client', () => {
  const headers = { Authorization: 'Bearer s3cret', 'X-Api-Key': 's3cret', 'X-Team': 'blue' }

  test('are sent to the origin of baseUrl, whatever the path', async (t) => {
    const origin = await startOrigin(t, json({}))
    const client = new HttpClient({ baseUrl: `${origin.url}/v0`, headers })
    for (const target of ['/x', `${origin.url}/elsewhere`]) await client.getJson(target)
    for (const { headers } of origin.requests) {
      assert.equal(headers.authorization, 'Bearer s3cret')
      assert.equal(headers['x-api-key'], 's3cret')
    }
  })

  test('are not sent to another origin', async (t) => {
    const home = await startOrigin(t, json({}))
    const other = await startOrigin(t, json({}))
    const client = new HttpClient({ baseUrl: home.url, headers })
    await client.getJson(`${other.url}/x`)
    await client.download(`${other.url}/x`, join(temporaryDirectory(t), 'file'))
    for (const { headers } of other.requests) {
      assert.equal(headers.authorization, undefined)
      assert.equal(headers['x-api-key'], undefined)
      assert.equal(headers['x-team'], 'blue')
    }
    assert.equal(other.requests.length, 2)
  })

  test('of baseUrl itself are those of the client', async (t) => {
    const home = await startOrigin(t, json({}))
    const other = await startOrigin(t, json({}))
    const base = home.url.replace('//', '//user:s3cret@')
    const client = new HttpClient({ baseUrl: base })
    await client.getJson('/x')
    await client.getJson(`${home.url}/y`)
    await client.getJson(`${other.url}/x`)
    const sent = `Basic ${btoa('user:s3cret')}`
    assert.deepEqual(
      [...home.requests, ...other.requests].map(({ headers }) => headers.authorization),
      [sent, sent, undefined],
    )
  })

  test('give way to those of the call, which are sent to its URL', async (t) => {
    const other = await startOrigin(t, json({}))
    const client = new HttpClient({ baseUrl: 'http://localhost:1', headers })
    await client.getJson(other.url, { headers: { authorization: 'Bearer call' } })
    assert.equal(other.requests[0].headers.authorization, 'Bearer call')
  })
})

describe('options', () => {
  test('three retries by default, a second apart and more', async (t) => {
    const origin = await startOrigin(t, { status: 503, headers: { 'Retry-After': '0' } })
    const delays = []
    const onRetry = (_attempt, _error, delay) => {
      delays.push(delay)
      return 0
    }
    const client = new HttpClient({ baseUrl: origin.url })
    const { status } = await client.request('/', { onRetry })
    assert.equal(status, 503)
    assert.equal(origin.requests.length, 4)

    const dead = await unusedUrl()
    delays.length = 0
    const error = await rejection(new HttpClient({ baseUrl: dead }).getJson('/', { onRetry }))
    assert.equal(error.attempts, 4)
    assert.equal(error.code, 'ECONNREFUSED')
    for (const [index, delay] of delays.entries()) {
      assert.ok(delay >= 1000 * 2 ** index && delay <= 1100 * 2 ** index, `${delays}`)
    }
  })

  test('of a call override those of the client', async (t) => {
    const origin = await startOrigin(t, { status: 500 })
    const client = new HttpClient({
      baseUrl: origin.url,
      retries: 2,
      ...fast,
      headers: { a: '1', b: '1' },
    })
    const response = await client.request('/', { retries: 1, headers: { B: '2', c: '2' } })
    assert.equal(response.status, 500)
    assert.equal(origin.requests.length, 2)
    const { a, b, c } = origin.requests[0].headers
    assert.deepEqual([a, b, c], ['1', '2', '2'])
    await client.request('/', { retries: 0 })
    assert.equal(origin.requests.length, 3)
    await client.request('/')
    assert.equal(origin.requests.length, 6)
  })

  test('timeout and maxResponseSize hold for every call', async (t) => {
    const stalled = await startOrigin(t, silence)
    const client = new HttpClient({ baseUrl: stalled.url, timeout: 50, retries: 0 })
    const expected = /^Error: Request timed out after 50ms$/
    assert.match(`${await rejection(client.getText('/'))}`, expected)
    assert.match(
      `${await rejection(client.download('/', join(temporaryDirectory(t), 'file')))}`,
      /Download timed out after 50ms/,
    )
    const large = await startOrigin(t, { body: 'x'.repeat(11) })
    const frugal = new HttpClient({ baseUrl: large.url, retries: 0, maxResponseSize: 10 })
    const error = await rejection(frugal.getText('/'))
    assert.equal(error.code, 'ERR_BODY_TOO_LARGE')
    assert.equal(await frugal.getText('/', { maxResponseSize: 0 }), 'x'.repeat(11))
  })

  test('hooks of the client are called for its calls, or those of the call are', async (t) => {
    const origin = await startOrigin(t, json({}))
    const told = []
    const hooks = (who) => ({ onRequest: ({ url }) => told.push([who, new URL(url).pathname]) })
    const client = new HttpClient({ baseUrl: origin.url, hooks: hooks('client') })
    await client.getJson('/a')
    await client.getJson('/b', { hooks: hooks('call') })
    await client.getJson('/c', {})
    assert.deepEqual(told, [
      ['client', '/a'],
      ['call', '/b'],
      ['client', '/c'],
    ])
  })

  test('a wrong one is a TypeError that names it', async (t) => {
    const origin = await startOrigin(t, json({}))
    for (const [name, value] of Object.entries({
      baseUrl: 'ftp://a.test/',
      headers: 'x',
      timeout: '1',
      retries: -1,
      retryDelay: Number.NaN,
      cache: 'everywhere',
      cacheTtl: { '/a': 'x' },
      cacheDir: 1,
      staleIfError: -1,
      maxResponseSize: '1',
      ca: [5],
      proxy: 'ftp://a.test',
      hooks: 1,
    })) {
      assert.throws(() => new HttpClient({ [name]: value }), TypeError, name)
    }
    assert.throws(() => new HttpClient(1), TypeError)
    assert.throws(() => new HttpClient({ baseUrl: 'http://a.test/?x=1' }), /no query/)
    const client = new HttpClient({ baseUrl: origin.url })
    for (const options of [{ idempotent: 1 }, { cache: 'memory' }, { cacheTtl: 'x' }, 'x']) {
      const error = await rejection(client.request('/', options))
      assert.ok(error instanceof TypeError, `${error}`)
    }
    assert.ok((await rejection(client.request(1))) instanceof TypeError)
    assert.equal(origin.requests.length, 0)
  })

  test('null, undefined and an object without prototype are no options', async (t) => {
    const origin = await startOrigin(t, json({ a: 1 }))
    for (const options of [undefined, null, Object.create(null), { retries: undefined }]) {
      const client = new HttpClient({ ...options, baseUrl: origin.url })
      assert.deepEqual(await client.getJson('/', options), { a: 1 })
    }
    new HttpClient()
    new HttpClient(null)
  })
})

describe('responses', () => {
  test('getJson and getText ask for what they read, and give it', async (t) => {
    const origin = await startOrigin(t, json({ a: [1] }))
    const client = new HttpClient({ baseUrl: origin.url })
    assert.deepEqual(await client.getJson('/'), { a: [1] })
    assert.equal(await client.getText('/'), '{"a":[1]}')
    const accepted = origin.requests.map(({ headers }) => headers.accept)
    assert.deepEqual(accepted, ['application/json', 'text/plain'])
  })

  test('a status that is an error rejects with status, attempts and response', async (t) => {
    const origin = await startOrigin(t, { status: 500, statusMessage: 'Oh', body: '{"why":1}' })
    const client = new HttpClient({ baseUrl: origin.url, retries: 2, ...fast })
    for (const call of [
      () => client.getJson('/'),
      () => client.getText('/'),
      () => client.sendJson('PUT', '/', {}),
    ]) {
      const error = await rejection(call())
      assert.equal(error.message, 'HTTP 500: Oh')
      assert.equal(error.code, 'ERR_HTTP_STATUS')
      assert.equal(error.status, 500)
      assert.equal(error.attempts, 3)
      assert.deepEqual(error.response.json(), { why: 1 })
    }
    const error = await rejection(client.request('/', { throwOnError: true, retries: 0 }))
    assert.ok(error instanceof HttpResponseError)
  })

  test('sendJson sends JSON and reads JSON', async (t) => {
    const echo = ({ body, method, headers }) =>
      json({ method, type: headers['content-type'], body: `${body}` })
    const origin = await startOrigin(t, echo)
    const client = new HttpClient({ baseUrl: origin.url })
    const sent = { text: 'ü', list: [1, null] }
    const got = await client.sendJson('post', '/x', sent)
    assert.deepEqual(got, { method: 'POST', type: 'application/json', body: JSON.stringify(sent) })
    for (const value of [null, 0, '', false]) {
      assert.equal((await client.sendJson('PUT', '/x', value)).body, JSON.stringify(value))
    }
    assert.equal((await client.sendJson('DELETE', '/x')).body, '')
  })

  test('sendJson gives undefined for a response without a body', async (t) => {
    const origin = await startOrigin(t, { status: 204 })
    const client = new HttpClient({ baseUrl: origin.url })
    assert.equal(await client.sendJson('DELETE', '/x'), undefined)
  })

  test('sendJson rejects with what JSON cannot say', async (t) => {
    const origin = await startOrigin(t, json({}))
    const client = new HttpClient({ baseUrl: origin.url })
    const circular = {}
    circular.self = circular
    for (const value of [1n, circular]) {
      assert.ok((await rejection(client.sendJson('POST', '/x', value))) instanceof TypeError)
    }
    const thrown = new Error('no JSON')
    const stubborn = {
      toJSON() {
        throw thrown
      },
    }
    assert.equal(await rejection(client.sendJson('POST', '/x', stubborn)), thrown)
    assert.equal(origin.requests.length, 0)
  })

  test('a streamed response and a streamed body pass through', async (t) => {
    const origin = await startOrigin(t, ({ body }) => ({ body }))
    const client = new HttpClient({ baseUrl: origin.url, cache: 'memory' })
    const response = await client.request('/', { stream: true })
    response.rawResponse.resume()
    await once(response.rawResponse, 'end')
    const body = Readable.from(['a', 'b'])
    assert.equal((await client.request('/', { method: 'POST', body })).text(), 'ab')
    const again = { method: 'POST', body: Readable.from(['a']), retries: 1 }
    assert.match(
      (await rejection(client.request('/', again))).message,
      /cannot be used with retries/,
    )
  })

  test('a signal ends a call', async (t) => {
    const origin = await startOrigin(t, silence)
    const client = new HttpClient({ baseUrl: origin.url, cache: 'memory' })
    const controller = new AbortController()
    const call = client.getJson('/', { signal: controller.signal })
    call.catch(() => {})
    setTimeout(() => controller.abort(new Error('why')), 20)
    const error = await rejection(call)
    assert.equal(error.name, 'AbortError')
    assert.equal(error.cause.message, 'why')
  })
})

describe('downloads', () => {
  test('use base URL, headers and retries of the client', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, { body: 'whole' }, { body: 'locked' }])
    const client = new HttpClient({
      baseUrl: `${origin.url}/files`,
      headers: { 'x-key': 'k' },
      ...fast,
    })
    const directory = temporaryDirectory(t)
    const { size, attempts } = await client.download('/a', join(directory, 'a'))
    assert.deepEqual([size, attempts], [5, 2])
    await client.downloadWithLock('b', join(directory, 'b'))
    await client.downloadWithLock('b', join(directory, 'b'))
    assert.equal(readFileSync(join(directory, 'b'), 'utf8'), 'locked')
    assert.deepEqual(pathsOf(origin), ['/files/a', '/files/a', '/files/b'])
    assert.ok(origin.requests.every(({ headers }) => headers['x-key'] === 'k'))
    const error = await rejection(client.download('../x', join(directory, 'c')))
    assert.ok(error instanceof TypeError)
    assert.ok(!existsSync(join(directory, 'c')))
  })
})

describe('a request that is not idempotent', () => {
  const reset = (socket) => socket.resetAndDestroy()
  const success = sayAndClose(
    raw('HTTP/1.1 200 OK', ['Content-Length: 2', 'Connection: close'], '{}'),
  )
  const truncated = sayAndClose(raw('HTTP/1.1 200 OK', ['Content-Length: 9'], '{'))
  const failures = {
    'reset connection': reset,
    'truncated response': truncated,
    'silent server': silence,
  }

  for (const [what, failure] of Object.entries(failures)) {
    test(`is not retried after a ${what}`, async (t) => {
      const origin = await startRawOrigin(t, [failure, success])
      const client = new HttpClient({ baseUrl: origin.url, timeout: 2000, ...fast })
      for (const method of ['POST', 'PATCH']) {
        origin.heads.length = 0
        const error = await rejection(client.sendJson(method, '/', {}))
        assert.equal(error.attempts, 1)
        assert.equal(origin.heads.length, 1)
      }
    })

    test(`is retried after a ${what} if the caller declares that it may be`, async (t) => {
      const ways = [{ idempotent: true }, { headers: { 'Idempotency-Key': 'k' } }]
      for (const options of ways) {
        const origin = await startRawOrigin(t, [failure, success])
        const client = new HttpClient({ baseUrl: origin.url, timeout: 2000, ...fast })
        assert.deepEqual(await client.sendJson('POST', '/', {}, options), {})
        assert.equal(origin.heads.length, 2)
      }
    })
  }

  test('is not retried after 500, 502, 504, and is after 429 and 503', async (t) => {
    for (const [status, requests] of [
      [500, 1],
      [502, 1],
      [504, 1],
      [429, 2],
      [503, 2],
    ]) {
      const origin = await startOrigin(t, [{ status }, json({})])
      const client = new HttpClient({ baseUrl: origin.url, ...fast })
      await client.sendJson('POST', '/', {}).catch(() => {})
      assert.equal(origin.requests.length, requests, `${status}`)
    }
  })

  test('is retried when the server was not reached', async () => {
    const client = new HttpClient({ baseUrl: await unusedUrl(), ...fast })
    assert.equal((await rejection(client.sendJson('POST', '/', {}))).attempts, 4)
  })

  test('is any that the caller declares not to be, with a key or with GET', async (t) => {
    const options = { idempotent: false, headers: { 'Idempotency-Key': 'k' } }
    for (const send of [
      (client) => client.sendJson('POST', '/', {}, options),
      (client) => client.getJson('/', options),
    ]) {
      const origin = await startOrigin(t, [{ status: 500 }, json({})])
      const client = new HttpClient({ baseUrl: origin.url, ...fast })
      assert.equal((await rejection(send(client))).status, 500)
      assert.equal(origin.requests.length, 1)
    }
  })
})

test('a client does not keep an idle process alive, nor does one that is forgotten', async (t) => {
  const origin = await startOrigin(t, later(5, json({})))
  const { code, ended, marked } = await runProgram('client-idle.mjs', [origin.url])
  assert.equal(code, 0)
  assert.ok(ended - marked < 10_000)
})
