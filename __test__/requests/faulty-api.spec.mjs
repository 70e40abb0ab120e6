// Calls to an API of which a tenth of the responses fails.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpClient } from '@socketsecurity/registry'
import { responseText, startFaultyApi } from '../helpers/origins/faulty-api.mjs'
import { dice } from '../helpers/seeded-random.mjs'
import { eachOf, temporaryDirectory } from '../helpers/support.mjs'

const AT_ONCE = 64

/** Makes calls, some at a time; gives what each came to. */
async function all(count, call) {
  const outcomes = []
  await eachOf(count, AT_ONCE, async (index) => {
    outcomes[index] = await call(index).then(
      (value) => ({ value }),
      (error) => ({ error }),
    )
  })
  return outcomes
}

for (const cache of [false, true]) {
  test(`of 10,000 calls 9,990 succeed, none with a wrong response; cache: ${cache}`, async (t) => {
    const api = await startFaultyApi(t, dice(1), 0.1)
    const client = new HttpClient({
      baseUrl: api.url,
      retryDelay: 1,
      timeout: 1000,
      cache,
      cacheTtl: 50,
      cacheDir: temporaryDirectory(t),
    })
    const calls = Array.from({ length: 10_000 }, (_, index) => {
      // With a cache: the same again and again.
      const path = `/${cache ? index % 500 : index}`
      const body = { index }
      return [
        ['GET', path],
        ['GET', path],
        ['PUT', path, body],
        ['DELETE', `/gone${path}`],
        ['POST', path, body, { idempotent: true }],
      ][index % 5]
    })
    const outcomes = await all(calls.length, (index) => {
      const [method, path, body, options] = calls[index]
      return method === 'GET' ? client.getJson(path) : client.sendJson(method, path, body, options)
    })
    let failed = 0
    for (const [index, { value, error }] of outcomes.entries()) {
      const [method, path, body] = calls[index]
      if (error) {
        failed += 1
        assert.equal(error.attempts, 4, `${error}`)
        assert.ok(error.retryable, `${error}`)
      } else {
        const text = body === undefined ? '' : JSON.stringify(body)
        assert.equal(JSON.stringify(value), responseText(method, path, text))
      }
    }
    t.diagnostic(`${failed} of ${calls.length} failed; ${JSON.stringify([...api.faults])}`)
    assert.ok(failed <= 10, `${failed} failed`)
    assert.ok(api.faults.size === 13, 'every kind of fault occurred')
  })
}

test('no POST is executed twice, however it fails', async (t) => {
  const api = await startFaultyApi(t, dice(2), 0.5)
  const client = new HttpClient({ baseUrl: api.url, retryDelay: 1, timeout: 1000 })
  const outcomes = await all(1000, (index) => client.sendJson('POST', `/${index}`, index))
  for (const [call, times] of api.executed) assert.equal(times, 1, call)
  const succeeded = outcomes.filter(({ error }) => !error).length
  assert.ok(succeeded > 400, `${succeeded}`)
  for (const [index, { value, error }] of outcomes.entries()) {
    if (!error) assert.equal(JSON.stringify(value), responseText('POST', `/${index}`, `${index}`))
  }
})
