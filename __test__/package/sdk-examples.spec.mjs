// The two ways of examples/sdk, and what docs/sdk.md quotes of them.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  createDeleteRequest,
  createGetRequest,
  createRequestWithJson,
} from '../../examples/sdk/option-a.mjs'
import { Sdk } from '../../examples/sdk/option-b.mjs'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

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

  test('repeats as often as the call says, and by default not at all', async (t) => {
    const origin = await startOrigin(t, { status: 503, headers: { 'Retry-After': '0' } })
    for (const [options, requests] of [
      [undefined, 1],
      [{ retries: 2 }, 3],
    ]) {
      for (const call of [createGetRequest, createDeleteRequest]) {
        origin.requests.length = 0
        assert.equal((await call(origin.url, '/', options)).status, 503)
        assert.equal(origin.requests.length, requests)
      }
    }
  })

  test('repeats no POST that may have been carried out, unless the caller allows it', async (t) => {
    const origin = await startOrigin(t, reset)
    const options = { retries: 2, ...fast }
    await rejection(createRequestWithJson('POST', origin.url, '/', {}, options))
    assert.equal(origin.requests.length, 1)
    await rejection(createDeleteRequest(origin.url, '/', options))
    assert.equal(origin.requests.length, 4)
    await rejection(
      createRequestWithJson('POST', origin.url, '/', {}, { ...options, idempotent: true }),
    )
    assert.equal(origin.requests.length, 7)
  })
})

describe('option B', () => {
  const counting = (_request, _response, index) => ({ body: JSON.stringify(index) })
  const sdkOf = (t, origin, options, token = 'token') =>
    new Sdk(token, {
      baseUrl: `${origin.url}/v0`,
      cacheDir: temporaryDirectory(t),
      ...fast,
      ...options,
    })

  test('repeats three times unless it is configured', async (t) => {
    const origin = await startOrigin(t, { status: 500 })
    for (const [options, requests] of [
      [{}, 4],
      [{ retries: 1 }, 2],
    ]) {
      origin.requests.length = 0
      const error = await rejection(sdkOf(t, origin, options).getQuota())
      assert.deepEqual([error.status, error.attempts], [500, requests])
      assert.equal(origin.requests.length, requests)
    }
  })

  test('keeps responses for their time, until clearCache', async (t) => {
    const origin = await startOrigin(t, counting)
    const sdk = sdkOf(t, origin, { cache: true, cacheTtl: { default: 1e6, '/quota': 0 } })
    const values = async () => [await sdk.getPackage('@a/b'), await sdk.getQuota()]
    assert.deepEqual(
      [await values(), await values()],
      [
        [0, 1],
        [0, 2],
      ],
    )
    assert.equal(await sdk.clearCache('/packages/'), 1)
    assert.deepEqual(await values(), [3, 4])
    assert.equal(await sdk.clearCache(), 2)
    assert.deepEqual(await values(), [5, 6])
    assert.equal(origin.requests[0].path, '/v0/packages/%40a%2Fb')
  })

  test('keeps nothing unless it is told to', async (t) => {
    const origin = await startOrigin(t, counting)
    const sdk = sdkOf(t, origin)
    assert.deepEqual([await sdk.getQuota(), await sdk.getQuota()], [0, 1])
  })

  test('one token never sees the response to another', async (t) => {
    const origin = await startOrigin(t, ({ headers }) => json(headers.authorization))
    const options = { cache: true, cacheDir: temporaryDirectory(t) }
    for (const token of ['one', 'two', 'one']) {
      assert.equal(await sdkOf(t, origin, options, token).getQuota(), `Bearer ${token}`)
    }
    assert.equal(origin.requests.length, 2)
  })

  test('sends values, and repeats a DELETE but no POST', async (t) => {
    const origin = await startOrigin(t, [json({ id: 1 }), reset, reset, { status: 204 }])
    const sdk = sdkOf(t, origin)
    assert.deepEqual(await sdk.createScan({ name: 'x' }), { id: 1 })
    await rejection(sdk.createScan({ name: 'x' }))
    assert.equal(await sdk.deleteScan('a/b'), undefined)
    assert.deepEqual(
      origin.requests.map(({ method, path }) => `${method} ${path}`),
      ['POST /v0/scans', 'POST /v0/scans', 'DELETE /v0/scans/a%2Fb', 'DELETE /v0/scans/a%2Fb'],
    )
  })

  test('gives an old response when there is no network', async (t) => {
    const origin = await startOrigin(t, [json({ quota: 1 }), reset])
    const sdk = sdkOf(t, origin, { cache: true, cacheTtl: 0, retries: 1, staleIfError: 60_000 })
    await sdk.getQuota()
    assert.deepEqual(await sdk.getQuota(), { quota: 1 })
    assert.equal(sdk.metrics().stale, 1)
  })
})

test('examples/sdk/usage.mjs shows what it says', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [example('usage.mjs')], {
    encoding: 'utf8',
    env: { ...process.env, http_proxy: '', HTTP_PROXY: '' },
  })
  assert.equal(status, 0, stderr)
  const asked = [...stdout.matchAll(/received (\d+) requests/g)].map(([, times]) => Number(times))
  assert.deepEqual(asked, [3, 1, 4, 1, 2, 1, 0])
  assert.match(stdout, /for want of a network: 1\n$/)
})

test('docs/sdk.md quotes the examples', () => {
  const flat = (text) => text.replaceAll(/\s+/g, ' ')
  const code = ['option-a.mjs', 'option-b.mjs', 'usage.mjs']
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
