// `onRetry` is asked before each wait: it may look on, stop, or say how long to wait.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  HttpResponseError,
  httpDownload,
  httpGetText,
  httpRequest,
} from '@socketsecurity/registry/lib/http-request'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import {
  raw,
  sayAndReset,
  sayAndStall,
  startRawOrigin,
  unusedUrl,
} from '../helpers/origins/raw-origin.mjs'
import { codes, rejection, temporaryDirectory, until } from '../helpers/support.mjs'

/** Longer than any test may take: to wait so long would fail it. */
const FOREVER = 600_000

/** An onRetry that keeps what it is asked and returns the same each time. */
function recorder(returned) {
  const calls = []
  const onRetry = (...values) => {
    calls.push(values)
    return returned
  }
  return { calls, onRetry }
}

function gap({ requests: [first, second] }) {
  return second.at - first.at
}

describe('onRetry is called with', () => {
  test('the number of the attempt that failed, its error and the delay', async (t) => {
    const origin = await startOrigin(t, { status: 500 })
    const { calls, onRetry } = recorder()
    await httpRequest(origin.url, { retries: 3, retryDelay: 20, onRetry })
    assert.equal(origin.requests.length, 4)
    assert.equal(calls.length, 3)
    for (const [index, values] of calls.entries()) {
      const [attempt, error, delay] = values
      assert.equal(values.length, 3)
      assert.equal(attempt, index + 1)
      assert.ok(error instanceof Error)
      const usual = 20 * 2 ** index
      assert.ok(delay >= usual && delay <= usual * 1.1 + 1, `${delay} is not about ${usual}`)
    }
  })

  test('a status as an Error with that status', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, {}])
    const { calls, onRetry } = recorder()
    await httpRequest(origin.url, { retries: 1, retryDelay: 1, onRetry })
    const [[, error]] = calls
    assert.ok(error instanceof Error)
    assert.equal(error.status, 503)
  })

  test('a network failure as an Error with its code', async (t) => {
    const good = raw('HTTP/1.1 200 OK', ['Content-Length: 4'], 'good')
    const origin = await startRawOrigin(t, [sayAndReset('HTTP/1.1 2'), sayAndStall(good)])
    const { calls, onRetry } = recorder()
    const response = await httpRequest(origin.url, { retries: 1, retryDelay: 1, onRetry })
    assert.equal(response.text(), 'good')
    assert.equal(calls.length, 1)
    const [[, error]] = calls
    assert.ok(error instanceof Error)
    assert.ok(codes(error).includes('ECONNRESET'), `the codes are ${codes(error)}`)
  })

  test('the delay of Retry-After', async (t) => {
    const headers = { 'Retry-After': '7' }
    const origin = await startOrigin(t, [{ status: 503, headers }, {}])
    const { calls, onRetry } = recorder(0)
    await httpRequest(origin.url, { retries: 1, retryDelay: 1, onRetry })
    const [[, , delay]] = calls
    assert.ok(delay >= 7000 && delay <= 7701, `${delay}`)
  })

  for (const [what, headers] of [
    ['the usual delay', {}],
    ['Retry-After', { 'Retry-After': '3600' }],
  ]) {
    test(`${what} no longer than retryDelayMax`, async (t) => {
      const origin = await startOrigin(t, [{ status: 503, headers }, {}])
      const { calls, onRetry } = recorder()
      const options = { retries: 1, retryDelay: 60_000, retryDelayMax: 50, onRetry }
      await httpRequest(origin.url, options)
      const [[, , delay]] = calls
      assert.ok(delay >= 50 && delay <= 56, `${delay}`)
      assert.ok(gap(origin) < 10_000)
    })
  }
})

describe('onRetry is not called', () => {
  test('without retries', async (t) => {
    const origin = await startOrigin(t, { status: 503 })
    const { calls, onRetry } = recorder()
    await httpRequest(origin.url, { onRetry })
    await httpRequest(origin.url, { retries: 0, onRetry })
    await rejection(httpRequest(await unusedUrl(), { retries: 0, onRetry }))
    assert.deepEqual(calls, [])
  })

  test('for a status that is not retried', async (t) => {
    const origin = await startOrigin(t, { status: 404 })
    const { calls, onRetry } = recorder()
    await httpRequest(origin.url, { retries: 3, retryDelay: 1, onRetry })
    assert.deepEqual(calls, [])
  })

  test('when the attempts are used up', async () => {
    const { calls, onRetry } = recorder()
    const options = { retries: 2, retryDelay: 1, onRetry }
    await rejection(httpRequest(await unusedUrl(), options))
    assert.equal(calls.length, 2)
  })
})

describe('onRetry stops by returning false', () => {
  const stop = { retries: 5, retryDelay: FOREVER, retryDelayMax: FOREVER }

  test('and a status resolves as the response', async (t) => {
    const origin = await startOrigin(t, { status: 503, body: 'busy' })
    const { calls, onRetry } = recorder(false)
    const response = await httpRequest(origin.url, { ...stop, onRetry })
    assert.equal(response.status, 503)
    assert.equal(response.text(), 'busy')
    assert.equal(origin.requests.length, 1)
    assert.equal(calls.length, 1)
  })

  test('and a status rejects with throwOnError', async (t) => {
    const origin = await startOrigin(t, { status: 503 })
    const { onRetry } = recorder(false)
    const error = await rejection(httpRequest(origin.url, { ...stop, onRetry, throwOnError: true }))
    assert.ok(error instanceof HttpResponseError, `${error}`)
    assert.equal(error.response.status, 503)
    assert.equal(origin.requests.length, 1)
  })

  test('and httpGetText rejects with the status', async (t) => {
    const origin = await startOrigin(t, { status: 503 })
    const { onRetry } = recorder(false)
    const error = await rejection(httpGetText(origin.url, { ...stop, onRetry }))
    assert.equal(error.message, 'HTTP 503: Service Unavailable')
    assert.equal(origin.requests.length, 1)
  })

  test('and a network failure rejects', async () => {
    const { calls, onRetry } = recorder(false)
    const error = await rejection(httpRequest(await unusedUrl(), { ...stop, onRetry }))
    assert.ok(codes(error).includes('ECONNREFUSED'), `the codes are ${codes(error)}`)
    assert.equal(error.attempts, 1)
    assert.equal(calls.length, 1)
  })

  test('at any attempt', async (t) => {
    const origin = await startOrigin(t, { status: 503 })
    const onRetry = (attempt) => (attempt < 3 ? 0 : false)
    await httpRequest(origin.url, { ...stop, onRetry })
    assert.equal(origin.requests.length, 3)
  })
})

describe('onRetry returns the delay', () => {
  for (const returned of [0, -1, -FOREVER, Number.NEGATIVE_INFINITY]) {
    test(`not at all with ${returned}`, async (t) => {
      const origin = await startOrigin(t, [{ status: 503 }, {}])
      const { onRetry } = recorder(returned)
      const options = { retries: 1, retryDelay: FOREVER, retryDelayMax: FOREVER, onRetry }
      assert.equal((await httpRequest(origin.url, options)).status, 200)
      assert.ok(gap(origin) < 10_000, `waited ${gap(origin)}`)
    })
  }

  test('with a number, beyond retryDelayMax too', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, {}])
    const { onRetry } = recorder(400)
    await httpRequest(origin.url, { retries: 1, retryDelay: 1, retryDelayMax: 10, onRetry })
    assert.ok(gap(origin) >= 399 && gap(origin) < 10_000, `waited ${gap(origin)}`)
  })

  for (const returned of [Number.NaN, undefined]) {
    test(`as long as usual with ${returned}`, async (t) => {
      const origin = await startOrigin(t, [{ status: 503 }, {}])
      const { onRetry } = recorder(returned)
      await httpRequest(origin.url, { retries: 1, retryDelay: 200, onRetry })
      assert.ok(gap(origin) >= 199 && gap(origin) < 10_000, `waited ${gap(origin)}`)
    })
  }

  test('but a signal ends the wait', async (t) => {
    const origin = await startOrigin(t, { status: 503 })
    const controller = new AbortController()
    const { calls, onRetry } = recorder(FOREVER)
    const promise = httpRequest(origin.url, { retries: 1, onRetry, signal: controller.signal })
    const failed = rejection(promise)
    await until(() => calls.length === 1, 'onRetry is called')
    controller.abort()
    assert.equal((await failed).name, 'AbortError')
    assert.equal(origin.requests.length, 1)
  })
})

describe('onRetry that throws', () => {
  for (const [what, thrown] of [
    ['an Error', Object.assign(new RangeError('no more'), { extra: {} })],
    ['an object', { reason: 'no more' }],
    ['a string', 'no more'],
  ]) {
    test(`${what} rejects the call with it, after a status`, async (t) => {
      const origin = await startOrigin(t, { status: 503 })
      const onRetry = () => {
        throw thrown
      }
      const error = await rejection(httpRequest(origin.url, { retries: 3, retryDelay: 1, onRetry }))
      assert.equal(error, thrown)
      assert.equal(origin.requests.length, 1)
    })

    test(`${what} rejects the call with it, after a network failure`, async () => {
      const onRetry = () => {
        throw thrown
      }
      const options = { retries: 3, retryDelay: 1, onRetry }
      assert.equal(await rejection(httpRequest(await unusedUrl(), options)), thrown)
    })
  }
})

describe('a download', () => {
  test('calls onRetry after a status and after a network failure', async (t) => {
    const origin = await startOrigin(t, [
      { status: 503, headers: { Connection: 'close' } },
      (_request, response) => response.socket.resetAndDestroy(),
      { body: 'whole' },
    ])
    const { calls, onRetry } = recorder(0)
    const destination = join(temporaryDirectory(t), 'file')
    const options = { retries: 3, retryDelay: FOREVER, retryDelayMax: FOREVER, onRetry }
    await httpDownload(origin.url, destination, options)
    assert.equal(readFileSync(destination, 'utf8'), 'whole')
    assert.deepEqual(
      calls.map(([attempt]) => attempt),
      [1, 2],
    )
    assert.equal(calls[0][1].status, 503)
    assert.ok(calls[1][1] instanceof Error)
  })

  test('stops when onRetry returns false', async (t) => {
    const origin = await startOrigin(t, { status: 503 })
    const directory = temporaryDirectory(t)
    const { onRetry } = recorder(false)
    const options = { retries: 3, retryDelay: FOREVER, onRetry }
    const error = await rejection(httpDownload(origin.url, join(directory, 'file'), options))
    assert.equal(error.message, 'Download failed: HTTP 503 Service Unavailable')
    assert.equal(origin.requests.length, 1)
    assert.deepEqual(readdirSync(directory), [])
  })

  test('rejects with what onRetry throws', async (t) => {
    const origin = await startOrigin(t, { status: 503 })
    const directory = temporaryDirectory(t)
    const thrown = new Error('no more')
    const onRetry = () => {
      throw thrown
    }
    const options = { retries: 3, retryDelay: 1, onRetry }
    assert.equal(
      await rejection(httpDownload(origin.url, join(directory, 'file'), options)),
      thrown,
    )
    assert.equal(origin.requests.length, 1)
    assert.deepEqual(readdirSync(directory), [])
  })
})

describe('the headers of a retry', () => {
  const names = ['retry-attempt', 'retry-max', 'retry-after']

  test('are not sent with the first attempt', async (t) => {
    const origin = await startOrigin(t)
    await httpRequest(origin.url, { retries: 3 })
    for (const name of names) assert.equal(origin.requests[0].headers[name], undefined)
  })

  test('count the attempts and name the most there can be', async (t) => {
    const origin = await startOrigin(t, { status: 500 })
    await httpRequest(origin.url, { retries: 3, retryDelay: 1 })
    const [first, ...others] = origin.requests.map(({ headers }) => headers)
    for (const name of names) assert.equal(first[name], undefined)
    const counted = others.map((headers) => Number(headers['retry-attempt']))
    assert.ok([1, 2].includes(counted[0]), `begins with ${counted[0]}`)
    assert.deepEqual(counted, [counted[0], counted[0] + 1, counted[0] + 2])
    for (const headers of others) assert.match(headers['retry-max'], /^[34]$/)
  })

  test('say how many seconds were waited', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, {}])
    const { onRetry } = recorder(1000)
    await httpRequest(origin.url, { retries: 1, retryDelay: 1, onRetry })
    const seconds = Number(origin.requests[1].headers['retry-after'])
    assert.ok(seconds >= 0.9 && seconds <= 2, `${origin.requests[1].headers['retry-after']}`)
  })

  test('say 0 when there was no wait', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, {}])
    await httpRequest(origin.url, { retries: 1, retryDelay: 0 })
    assert.equal(Number(origin.requests[1].headers['retry-after']), 0)
  })
})

describe('the error of a status', () => {
  const responses = [{ status: 503, headers: { 'X-A': 'b' }, body: '{"why":"busy"}' }, {}]
  const options = { retries: 1, retryDelay: 1 }

  test('is an HttpResponseError with the response, with throwOnError', async (t) => {
    const origin = await startOrigin(t, responses)
    const errors = []
    const onRetry = (_attempt, error) => void errors.push(error)
    const response = await httpRequest(origin.url, { ...options, throwOnError: true, onRetry })
    assert.equal(response.status, 200)
    const [error] = errors
    assert.ok(error instanceof HttpResponseError, `${error}`)
    assert.equal(error.message, 'HTTP 503: Service Unavailable')
    assert.deepEqual([error.code, error.status, error.attempts], ['ERR_HTTP_STATUS', 503, 1])
    assert.deepEqual(error.response.json(), { why: 'busy' })
    assert.equal(error.response.headers['x-a'], 'b')
    assert.deepEqual([error.response.ok, error.response.attempts], [false, 1])
  })

  test('is one with an empty body, if it is streamed', async (t) => {
    const origin = await startOrigin(t, responses)
    const errors = []
    const onRetry = (_attempt, error) => void errors.push(error)
    const given = { ...options, throwOnError: true, stream: true, onRetry }
    const { rawResponse } = await httpRequest(origin.url, given)
    rawResponse.destroy()
    assert.equal(errors[0].response.status, 503)
    assert.equal(errors[0].response.text(), '')
  })

  test('has no response without throwOnError', async (t) => {
    const origin = await startOrigin(t, responses)
    const errors = []
    const onRetry = (_attempt, error) => void errors.push(error)
    await httpRequest(origin.url, { ...options, onRetry })
    assert.equal(errors[0] instanceof HttpResponseError, false)
    assert.deepEqual([errors[0].status, errors[0].response], [503, undefined])
  })

  test('of the network is no HttpResponseError', async () => {
    const errors = []
    const onRetry = (_attempt, error) => void errors.push(error)
    const given = { ...options, throwOnError: true, onRetry }
    await rejection(httpRequest(await unusedUrl(), given))
    assert.equal(errors[0] instanceof HttpResponseError, false)
    assert.ok(codes(errors[0]).includes('ECONNREFUSED'))
  })
})
