import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import { later, silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import {
  raw,
  sayAndClose,
  sayAndReset,
  sayAndStall,
  startRawOrigin,
  unusedUrl,
} from '../helpers/origins/raw-origin.mjs'
import { codes, duration, rejection } from '../helpers/support.mjs'

const transient = [408, 425, 429, 500, 502, 503, 504]
const final = [400, 401, 403, 404, 409, 410, 418, 422, 501, 505]
const fast = { retries: 3, retryDelay: 1 }
const good = raw('HTTP/1.1 200 OK', ['Content-Length: 4'], 'good')

/** The milliseconds between each request and the next, as the server saw them. */
function gaps({ requests }) {
  return requests.slice(1).map(({ at }, index) => at - requests[index].at)
}

describe('without retries', () => {
  for (const status of [...transient, ...final]) {
    test(`a ${status} resolves after one request`, async (t) => {
      const origin = await startOrigin(t, { status, body: 'why' })
      const response = await httpRequest(origin.url)
      assert.equal(response.status, status)
      assert.equal(response.text(), 'why')
      assert.equal(origin.requests.length, 1)
    })
  }

  test('a reset before the response rejects after one request', async (t) => {
    const origin = await startRawOrigin(t, sayAndReset())
    await rejection(httpRequest(origin.url))
    assert.equal(origin.heads.length, 1)
  })
})

describe('a status with retries', () => {
  for (const status of transient) {
    test(`${status} is retried`, async (t) => {
      const origin = await startOrigin(t, [{ status }, { body: 'good' }])
      const response = await httpRequest(origin.url, fast)
      assert.equal(response.status, 200)
      assert.equal(response.text(), 'good')
      assert.equal(origin.requests.length, 2)
    })
  }

  for (const status of final) {
    test(`${status} is not retried`, async (t) => {
      const origin = await startOrigin(t, { status, body: 'why' })
      const response = await httpRequest(origin.url, fast)
      assert.equal(response.status, status)
      assert.equal(response.text(), 'why')
      assert.equal(origin.requests.length, 1)
    })
  }

  for (const method of ['POST', 'PATCH']) {
    for (const status of transient) {
      const retried = status === 429 || status === 503
      test(`${status} is ${retried ? '' : 'not '}retried for ${method}`, async (t) => {
        const origin = await startOrigin(t, [{ status }, { status: 201 }])
        const response = await httpRequest(origin.url, { ...fast, method, body: 'x' })
        assert.equal(response.status, retried ? 201 : status)
        assert.equal(origin.requests.length, retried ? 2 : 1)
      })
    }
  }

  for (const method of ['HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
    test(`500 is retried for ${method}`, async (t) => {
      const origin = await startOrigin(t, [{ status: 500 }, { status: 200 }])
      assert.equal((await httpRequest(origin.url, { ...fast, method })).status, 200)
      assert.equal(origin.requests.length, 2)
    })
  }

  test('the body and the headers are sent again', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, { status: 503 }, {}])
    const body = Buffer.from([1, 2, 3, 255])
    const headers = { 'X-Plain': 'yes', Authorization: 'Bearer x' }
    await httpRequest(origin.url, { ...fast, method: 'POST', headers, body })
    assert.equal(origin.requests.length, 3)
    for (const request of origin.requests) {
      assert.deepEqual(request.body, body)
      assert.equal(request.headers['x-plain'], 'yes')
      assert.equal(request.headers.authorization, 'Bearer x')
    }
  })

  test('the last response resolves when the attempts are used up', async (t) => {
    const origin = await startOrigin(t, (_request, _response, index) => ({
      status: 503,
      body: `response ${index}`,
    }))
    const response = await httpRequest(origin.url, { retries: 2, retryDelay: 1 })
    assert.equal(response.status, 503)
    assert.equal(response.text(), 'response 2')
    assert.equal(origin.requests.length, 3)
  })

  test('a transient status behind a redirect is retried', async (t) => {
    let busy = true
    const origin = await startOrigin(t, ({ path }) => {
      if (path === '/start') {
        return { status: 302, headers: { Location: '/busy' } }
      }
      const status = busy ? 503 : 200
      busy = false
      return { status }
    })
    assert.equal((await httpRequest(`${origin.url}/start`, fast)).status, 200)
  })
})

describe('a network failure with retries', () => {
  for (const [what, script] of [
    ['a reset before the response', sayAndReset()],
    ['a connection closed before the response', sayAndClose('')],
    ['a reset within the body', sayAndReset(good.subarray(0, -2))],
    ['a body cut short', sayAndClose(good.subarray(0, -2))],
  ]) {
    test(`${what} is retried`, async (t) => {
      const origin = await startRawOrigin(t, [script, sayAndStall(good)])
      assert.equal((await httpRequest(origin.url, fast)).text(), 'good')
      assert.equal(origin.heads.length, 2)
    })
  }

  test('a timeout is retried, with the whole time again', async (t) => {
    const origin = await startOrigin(t, [silence, later(100, { body: 'good' })])
    const options = { retries: 1, retryDelay: 1, timeout: 2000 }
    assert.equal((await httpRequest(origin.url, options)).text(), 'good')
    assert.equal(origin.requests.length, 2)
  })

  test('a body that stalls is retried', async (t) => {
    const origin = await startRawOrigin(t, [sayAndStall(good.subarray(0, -2)), sayAndStall(good)])
    const response = await httpRequest(origin.url, { retries: 1, retryDelay: 1, timeout: 2000 })
    assert.equal(response.text(), 'good')
  })

  test('the last error rejects after N+1 attempts', async (t) => {
    const origin = await startRawOrigin(t, [sayAndStall(''), sayAndStall(''), sayAndReset()])
    const error = await rejection(
      httpRequest(origin.url, { retries: 2, retryDelay: 1, timeout: 1500 }),
    )
    assert.ok(codes(error).includes('ECONNRESET'), `the codes are ${codes(error)}`)
    assert.equal(error.attempts, 3)
    assert.equal(origin.heads.length, 3)
  })

  test('a refused connection is tried N+1 times', async () => {
    const error = await rejection(httpRequest(await unusedUrl(), fast))
    assert.ok(codes(error).includes('ECONNREFUSED'), `the codes are ${codes(error)}`)
    assert.equal(error.attempts, 4)
  })
})

describe('the wait before a retry', { concurrency: true }, () => {
  test('doubles each time and is never shorter than retryDelay', async (t) => {
    const origin = await startOrigin(t, { status: 500 })
    await httpRequest(origin.url, { retries: 3, retryDelay: 80 })
    const [first, second, third] = gaps(origin)
    assert.ok(first >= 79 && second >= 159 && third >= 319, `waited ${gaps(origin)}`)
    assert.ok(first + second + third < 10_000, `waited ${gaps(origin)}`)
  })

  test('is a second by default', async (t) => {
    const origin = await startOrigin(t, [{ status: 500 }, {}])
    await httpRequest(origin.url, { retries: 1 })
    const [wait] = gaps(origin)
    assert.ok(wait >= 999 && wait < 10_000, `waited ${wait}`)
  })

  test('may be 0', async (t) => {
    const origin = await startOrigin(t, { status: 500 })
    const elapsed = await duration(httpRequest(origin.url, { retries: 10, retryDelay: 0 }))
    assert.equal(origin.requests.length, 11)
    assert.ok(elapsed < 10_000, `took ${elapsed}`)
  })

  for (const status of [429, 503]) {
    test(`is that of Retry-After in seconds with a ${status}`, async (t) => {
      const headers = { 'Retry-After': '1' }
      const origin = await startOrigin(t, [{ status, headers }, {}])
      await httpRequest(origin.url, { retries: 1, retryDelay: 1 })
      const [wait] = gaps(origin)
      assert.ok(wait >= 999 && wait < 10_000, `waited ${wait}`)
    })
  }

  test('lasts until the date that Retry-After names', async (t) => {
    let date = 0
    const origin = await startOrigin(t, [
      () => {
        date = Math.ceil(Date.now() / 1000) * 1000 + 1000
        return { status: 503, headers: { 'Retry-After': new Date(date).toUTCString() } }
      },
      () => {
        const early = date - Date.now()
        return { body: String(early) }
      },
    ])
    const response = await httpRequest(origin.url, { retries: 1, retryDelay: 1 })
    const early = Number(response.text())
    assert.ok(early <= 20, `came ${early} ms early`)
    assert.ok(early > -10_000, `came ${-early} ms late`)
  })

  for (const value of [
    'soon',
    '',
    '-5',
    'Thu, 01 Jan 1970 00:00:00 GMT',
    '99999999999999999999x',
  ]) {
    test(`is the usual one when Retry-After is '${value}'`, async (t) => {
      const headers = { 'Retry-After': value }
      const origin = await startOrigin(t, [{ status: 503, headers }, {}])
      await httpRequest(origin.url, { retries: 1, retryDelay: 100 })
      const [wait] = gaps(origin)
      assert.ok(wait >= 99 && wait < 10_000, `waited ${wait}`)
    })
  }

  test('holds no connection', async (t) => {
    const origin = await startOrigin(t, [{ status: 503, headers: { Connection: 'close' } }, {}])
    assert.equal((await httpRequest(origin.url, fast)).status, 200)
    assert.equal(origin.connections, 2)
  })

  const slow = process.env.LONG_TESTS ? false : 'takes half a minute; set LONG_TESTS to run it'
  for (const value of ['86400', new Date(Date.now() + 86_400_000).toUTCString()]) {
    test(`is thirty seconds at most, even for Retry-After: ${value}`, { skip: slow }, async (t) => {
      const headers = { 'Retry-After': value }
      const origin = await startOrigin(t, [{ status: 503, headers }, {}])
      await httpRequest(origin.url, { retries: 1, retryDelay: 1 })
      const [wait] = gaps(origin)
      assert.ok(wait >= 29_000 && wait < 35_000, `waited ${wait}`)
    })
  }
})
