// `hooks.onRequest` and `hooks.onResponse` look on: at each attempt and each hop, changing nothing.

import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { HttpClient } from '@socketsecurity/registry/lib/http-client'
import { httpGetText, httpRequest } from '@socketsecurity/registry/lib/http-request'
import { startFlowOrigin } from '../helpers/origins/flow-origin.mjs'
import { later, redirectTo, silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import { sayAndReset, startRawOrigin, unusedUrl } from '../helpers/origins/raw-origin.mjs'
import { codes, rejection, sleep } from '../helpers/support.mjs'

/** Hooks that keep what they are told, in order. */
function recorder() {
  const calls = []
  return {
    calls,
    told: (kind) => calls.filter((call) => call.kind === kind).map(({ info }) => info),
    hooks: {
      onRequest: (info) => calls.push({ kind: 'request', info }),
      onResponse: (info) => calls.push({ kind: 'response', info }),
    },
  }
}

/** The value of a header, whatever case its name has. */
function header(headers, name) {
  const found = Object.entries(headers).find(([each]) => each.toLowerCase() === name)
  return found?.[1]
}

describe('onRequest', () => {
  test('is called with the method, the URL, the headers and the timeout', async (t) => {
    const origin = await startOrigin(t)
    const { hooks, told } = recorder()
    const headers = { 'X-Plain': 'yes' }
    await httpRequest(`${origin.url}/a?b=c`, { method: 'PUT', headers, timeout: 5000, hooks })
    const [info] = told('request')
    assert.equal(info.method, 'PUT')
    assert.equal(info.url, `${origin.url}/a?b=c`)
    assert.equal(header(info.headers, 'x-plain'), 'yes')
    assert.equal(info.timeout, 5000)
  })

  test('is called with the defaults', async (t) => {
    const origin = await startOrigin(t)
    const { hooks, told } = recorder()
    await httpRequest(`${origin.url}/`, { hooks })
    const [info] = told('request')
    assert.equal(info.method, 'GET')
    assert.equal(info.timeout, 30_000)
    assert.equal(typeof info.headers, 'object')
  })

  test('is called before the server is', async (t) => {
    const origin = await startOrigin(t)
    let requests
    const hooks = {
      onRequest: () => {
        requests = origin.requests.length
      },
    }
    await httpRequest(origin.url, { hooks })
    assert.equal(requests, 0)
  })
})

describe('onResponse', () => {
  test('is called with the method, the URL, the status and the headers', async (t) => {
    const headers = { 'X-Field': 'yes' }
    const origin = await startOrigin(t, { status: 201, statusMessage: 'Made', headers })
    const { hooks, told } = recorder()
    await httpRequest(`${origin.url}/a?b=c`, { method: 'PUT', hooks })
    const [info] = told('response')
    assert.equal(info.method, 'PUT')
    assert.equal(info.url, `${origin.url}/a?b=c`)
    assert.equal(info.status, 201)
    assert.equal(info.statusText, 'Made')
    assert.equal(info.headers['x-field'], 'yes')
    assert.equal(info.error, undefined)
  })

  test('is called with the duration', async (t) => {
    const origin = await startOrigin(t, later(200))
    const { hooks, told } = recorder()
    await httpRequest(origin.url, { hooks })
    const [{ duration }] = told('response')
    assert.equal(typeof duration, 'number')
    assert.ok(duration >= 190 && duration < 10_000, `${duration} ms`)
  })

  test('is called before the promise settles', async (t) => {
    const origin = await startOrigin(t)
    const { hooks, calls } = recorder()
    await httpRequest(origin.url, { hooks })
    assert.deepEqual(
      calls.map(({ kind }) => kind),
      ['request', 'response'],
    )
  })

  for (const [what, url, options, code] of [
    ['a refused connection', () => unusedUrl(), {}, 'ECONNREFUSED'],
    [
      'a reset',
      async (t) => (await startRawOrigin(t, sayAndReset())).url,
      { method: 'POST' },
      'ECONNRESET',
    ],
    [
      'a timeout',
      async (t) => (await startOrigin(t, silence)).url,
      { timeout: 200 },
      'ERR_TIMEOUT',
    ],
  ]) {
    test(`is called with the error of ${what}, and no status`, async (t) => {
      const { hooks, told } = recorder()
      await rejection(httpRequest(await url(t), { ...options, hooks }))
      assert.equal(told('request').length, 1)
      assert.equal(told('response').length, 1)
      const [info] = told('response')
      assert.ok(info.error instanceof Error)
      assert.ok(codes(info.error).includes(code), `the codes are ${codes(info.error)}`)
      assert.equal(info.status, undefined)
      assert.equal(info.statusText, undefined)
      assert.equal(typeof info.duration, 'number')
    })
  }
})

describe('the hooks are called', () => {
  test('for each attempt, in turn', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, { status: 500 }, {}])
    const { hooks, calls, told } = recorder()
    await httpRequest(origin.url, { retries: 2, retryDelay: 1, hooks })
    assert.deepEqual(
      calls.map(({ kind }) => kind),
      ['request', 'response', 'request', 'response', 'request', 'response'],
    )
    assert.deepEqual(
      told('response').map(({ status }) => status),
      [503, 500, 200],
    )
  })

  test('for each attempt that fails', async () => {
    const { hooks, told } = recorder()
    await rejection(httpRequest(await unusedUrl(), { retries: 2, retryDelay: 1, hooks }))
    assert.equal(told('request').length, 3)
    assert.equal(told('response').length, 3)
    for (const { error } of told('response')) assert.ok(error instanceof Error)
  })

  test('for each request of a redirect, with its URL and its method', async (t) => {
    const origin = await startOrigin(t, [redirectTo('/next', 307), redirectTo('/end', 303), {}])
    const { hooks, calls, told } = recorder()
    await httpRequest(`${origin.url}/start`, { method: 'POST', body: 'x', hooks })
    const expected = [
      ['POST', `${origin.url}/start`],
      ['POST', `${origin.url}/next`],
      ['GET', `${origin.url}/end`],
    ]
    for (const kind of ['request', 'response']) {
      assert.deepEqual(
        told(kind).map(({ method, url }) => [method, url]),
        expected,
      )
    }
    assert.deepEqual(
      told('response').map(({ status }) => status),
      [307, 303, 200],
    )
    assert.deepEqual(
      calls.map(({ kind }) => kind),
      ['request', 'response', 'request', 'response', 'request', 'response'],
    )
  })

  test('by the functions that give text or JSON as well', async (t) => {
    const origin = await startOrigin(t, { body: 'good' })
    const { hooks, told } = recorder()
    assert.equal(await httpGetText(origin.url, { hooks }), 'good')
    assert.equal(told('response')[0].status, 200)
  })

  for (const [name, other] of [
    ['onRequest', 'onResponse'],
    ['onResponse', 'onRequest'],
  ]) {
    test(`${name} without ${other}`, async (t) => {
      const origin = await startOrigin(t)
      let count = 0
      const hooks = {
        [name]: () => {
          count += 1
        },
        [other]: undefined,
      }
      await httpRequest(origin.url, { hooks })
      assert.equal(count, 1)
    })
  }
})

describe('a hook that fails is ignored', () => {
  const broken = {
    throws() {
      throw new Error('from the hook')
    },
    async rejects() {
      throw new Error('from the hook')
    },
    'never settles': () => new Promise(() => {}),
  }

  for (const name of ['onRequest', 'onResponse']) {
    for (const [how, hook] of Object.entries(broken)) {
      test(`when ${name} ${how}`, async (t) => {
        const unhandled = []
        const listener = (reason) => unhandled.push(reason)
        process.on('unhandledRejection', listener)
        t.after(() => process.off('unhandledRejection', listener))
        const origin = await startOrigin(t, [{ status: 503 }, { body: 'good' }])
        const hooks = { [name]: hook }
        const options = { retries: 1, retryDelay: 1, hooks, timeout: 10_000 }
        const response = await httpRequest(origin.url, options)
        assert.equal(response.text(), 'good')
        assert.equal(origin.requests.length, 2)
        await sleep(20)
        assert.deepEqual(unhandled, [])
      })
    }
  }

  test('when the attempt fails too: its error rejects', async () => {
    const hooks = { onRequest: broken.throws, onResponse: broken.throws }
    const error = await rejection(httpRequest(await unusedUrl(), { hooks }))
    assert.ok(codes(error).includes('ECONNREFUSED'), `the codes are ${codes(error)}`)
  })
})

describe('a hook changes nothing', () => {
  test('by writing to its argument', async (t) => {
    const origin = await startOrigin(t, { status: 418, headers: { 'X-Field': 'yes' } })
    const headers = { 'X-Plain': 'yes' }
    const hooks = {
      onRequest(info) {
        for (const change of [
          () => Object.assign(info, { url: 'http://127.0.0.1:1/', method: 'DELETE', timeout: 1 }),
          () => Object.assign(info.headers, { 'X-Injected': 'yes', 'X-Plain': 'no' }),
        ]) {
          try {
            change()
          } catch {}
        }
      },
      onResponse(info) {
        for (const change of [
          () => Object.assign(info, { status: 200, statusText: 'changed' }),
          () => Object.assign(info.headers, { 'x-field': 'no' }),
        ]) {
          try {
            change()
          } catch {}
        }
      },
    }
    const response = await httpRequest(`${origin.url}/path`, { headers, hooks })
    assert.equal(response.status, 418)
    assert.equal(response.headers['x-field'], 'yes')
    const [received] = origin.requests
    assert.equal(received.method, 'GET')
    assert.equal(received.path, '/path')
    assert.equal(received.headers['x-plain'], 'yes')
    assert.equal(received.headers['x-injected'], undefined)
    assert.deepEqual(headers, { 'X-Plain': 'yes' })
  })

  test('by a request of its own', async (t) => {
    const origin = await startOrigin(t, { body: 'good' })
    let inner
    const hooks = {
      onRequest: () => {
        inner ??= httpGetText(`${origin.url}/inner`)
      },
    }
    assert.equal(await httpGetText(origin.url, { hooks }), 'good')
    assert.equal(await inner, 'good')
  })
})

describe('a hook does not get', () => {
  test('the password of a URL', async (t) => {
    const origin = await startOrigin(t)
    const { hooks, told } = recorder()
    await httpRequest(`http://scott:hunter2@127.0.0.1:${origin.port}/path`, { hooks })
    for (const { url } of [...told('request'), ...told('response')]) {
      assert.doesNotMatch(url, /hunter2/)
      assert.equal(new URL(url).pathname, '/path')
    }
  })

  test('the password of a URL in an error', async () => {
    const { port } = new URL(await unusedUrl())
    const { hooks, told } = recorder()
    await rejection(httpRequest(`http://scott:hunter2@127.0.0.1:${port}/path`, { hooks }))
    assert.doesNotMatch(told('response')[0].url, /hunter2/)
    assert.doesNotMatch(inspect(told('response')[0].error), /hunter2/)
  })

  test('the password of a URL in a Location', async (t) => {
    const end = await startOrigin(t)
    const location = `http://scott:hunter2@127.0.0.1:${end.port}/end`
    const origin = await startOrigin(t, redirectTo(location))
    const { hooks, told } = recorder()
    await httpRequest(origin.url, { hooks })
    assert.equal(told('request').length, 2)
    for (const { url } of [...told('request'), ...told('response')]) {
      assert.doesNotMatch(url, /hunter2/)
    }
  })

  test('headers that a request to another origin does not get', async (t) => {
    const end = await startOrigin(t)
    const origin = await startOrigin(t, redirectTo(`${end.url}/end`))
    const { hooks, told } = recorder()
    const headers = { Authorization: 'Bearer hunter2', 'X-Plain': 'yes' }
    await httpRequest(origin.url, { headers, hooks })
    assert.equal(end.requests[0].headers.authorization, undefined)
    assert.equal(header(told('request')[1].headers, 'authorization'), undefined)
  })
})

describe('the hooks are called before the promise settles, and never after', () => {
  /** Everything that happens, in order. */
  async function events(call) {
    const seen = []
    const hooks = {
      onRequest: () => seen.push('request'),
      onResponse: ({ status, error }) => seen.push(error ?? status),
    }
    const outcome = await call(hooks).then(
      (response) => response.status,
      (error) => error,
    )
    seen.push('settled')
    await sleep(50)
    return { seen, outcome }
  }
  const method = 'POST'

  /** A stream that fails with `reason`, at once or when its first bytes have been taken. */
  function failing(reason, when) {
    if (when === 'at once') return new Readable({ read: () => {} }).destroy(reason)
    return Readable.from(
      (async function* () {
        yield 'some'
        if (when === 'later') await sleep(20)
        throw reason
      })(),
    )
  }

  for (const when of ['at once', 'soon', 'later']) {
    test(`if the stream of a body fails ${when}: onResponse once, with its error`, async (t) => {
      const origin = await startFlowOrigin(t, (incoming) => incoming.resume())
      const reason = new Error('the disk is gone')
      const { seen, outcome } = await events((hooks) =>
        httpRequest(origin.url, { method, body: failing(reason, when), hooks }),
      )
      assert.equal(outcome, reason)
      assert.deepEqual(seen, ['request', reason, 'settled'])
      assert.equal(seen[1], reason)
    })
  }

  test('if bodies of many calls have failed before their requests begin', async (t) => {
    const origin = await startFlowOrigin(t, (incoming) => incoming.resume())
    const reason = new Error('the disk is gone')
    const calls = Array.from({ length: 300 }, () =>
      events((hooks) =>
        httpRequest(origin.url, { method, body: failing(reason, 'at once'), hooks }),
      ),
    )
    for (const { seen, outcome } of await Promise.all(calls)) {
      assert.equal(outcome, reason)
      assert.deepEqual(seen, ['request', reason, 'settled'])
    }
  })

  for (const milliseconds of [0, 1, 20]) {
    test(`if the call is aborted after ${milliseconds} ms`, async (t) => {
      const origin = await startOrigin(t, silence)
      const controller = new AbortController()
      const { seen, outcome } = await events((hooks) => {
        const promise = httpRequest(origin.url, { hooks, signal: controller.signal })
        if (milliseconds === 0) controller.abort()
        else setTimeout(() => controller.abort(), milliseconds)
        return promise
      })
      assert.equal(outcome.name, 'AbortError')
      assert.equal(seen.at(-1), 'settled')
      const told = seen.slice(0, -1)
      // A pair, or nothing if the request had not begun.
      assert.ok(told.length === 0 || (told.length === 2 && told[0] === 'request'), `${told}`)
      if (told.length > 0) {
        assert.equal(told[1].name, 'AbortError')
        assert.equal(told[1].code, 'ABORT_ERR')
      }
    })
  }

  test('if the time is up while the JavaScript thread is busy', async (t) => {
    const origin = await startOrigin(t, silence)
    const { seen, outcome } = await events((hooks) => {
      const promise = httpRequest(origin.url, { hooks, timeout: 20 })
      const end = performance.now() + 100
      while (performance.now() < end);
      return promise
    })
    assert.equal(outcome.code, 'ERR_TIMEOUT')
    assert.deepEqual(
      seen.map((each) => each.code ?? each),
      ['request', 'ERR_TIMEOUT', 'settled'],
    )
  })

  test('if the body is larger than maxResponseSize: onResponse was called with the head', async (t) => {
    const origin = await startOrigin(t, { body: 'x'.repeat(1000) })
    const { seen, outcome } = await events((hooks) =>
      httpRequest(origin.url, { hooks, maxResponseSize: 10 }),
    )
    assert.equal(outcome.code, 'ERR_BODY_TOO_LARGE')
    assert.deepEqual(seen, ['request', 200, 'settled'])
  })

  test('of a client with a cache, if the call is aborted', async (t) => {
    const origin = await startOrigin(t, silence)
    const client = new HttpClient({ baseUrl: origin.url, cache: 'memory', retries: 0 })
    for (const milliseconds of [0, 1, 20]) {
      const controller = new AbortController()
      const { seen } = await events((hooks) => {
        const promise = client.request('/', { hooks, signal: controller.signal })
        if (milliseconds === 0) controller.abort()
        else setTimeout(() => controller.abort(), milliseconds)
        return promise
      })
      assert.equal(seen.at(-1), 'settled')
    }
  })
})
