// warmCache: many downloads under locks, a few at a time.

import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { downloadWithLock, warmCache } from '@socketsecurity/registry/lib/download-lock'
import { slowly, startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, sleep, temporaryDirectory, until } from '../helpers/support.mjs'

const SHA256_OF_TEST = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'

/** An origin whose bodies are the names in its paths, and a directory. */
async function stage(t, script = ({ path }) => ({ body: path.slice(1) })) {
  const origin = await startOrigin(t, script)
  const directory = temporaryDirectory(t)
  const entry = (name, more) => ({
    url: `${origin.url}/${name}`,
    destPath: join(directory, name),
    ...more,
  })
  return { origin, directory, entry }
}

const statuses = (results) => results.map(({ status }) => status)

describe('results', () => {
  test('are in the order of the entries, with what became of each', async (t) => {
    const { origin, entry } = await stage(t, ({ path }) =>
      path === '/gone' ? { status: 404 } : { body: path.slice(1) },
    )
    const there = entry('there')
    writeFileSync(there.destPath, 'already')
    const entries = [entry('test', { sha256: SHA256_OF_TEST }), entry('gone'), there]
    const results = await warmCache(new Set(entries))
    assert.deepEqual(results[0], {
      url: `${origin.url}/test`,
      destPath: entries[0].destPath,
      status: 'downloaded',
      size: 4,
    })
    assert.equal(results[1].status, 'failed')
    assert.equal(results[1].error.code, 'ERR_HTTP_STATUS')
    assert.equal('size' in results[1], false)
    assert.deepEqual(results[2], {
      url: `${origin.url}/there`,
      destPath: there.destPath,
      status: 'cached',
      size: 7,
    })
    assert.equal(origin.requests.length, 2)
    assert.equal(readFileSync(entries[0].destPath, 'utf8'), 'test')
  })

  test('of no entries are none', async () => {
    assert.deepEqual(await warmCache([]), [])
    assert.deepEqual(await warmCache(new Map().values(), null), [])
  })

  test('are reported as each ends, with its index', async (t) => {
    const gates = new Map()
    const { entry } = await stage(t, async ({ path }) => {
      await new Promise((resolve) => gates.set(path, resolve))
      return { body: path }
    })
    const ended = []
    const onEntry = (result, index) => ended.push([index, result.status, result.url])
    const entries = [entry('a'), entry('b')]
    const warming = warmCache(entries, { onEntry })
    await until(() => gates.size === 2, 'two requests')
    gates.get('/b')()
    await until(() => ended.length === 1, 'the first end')
    gates.get('/a')()
    const results = await warming
    assert.deepEqual(
      ended,
      [1, 0].map((index) => [index, 'downloaded', entries[index].url]),
    )
    assert.deepEqual(
      results.map(({ url }) => url),
      entries.map(({ url }) => url),
    )
  })

  test('of a URL object have its text', async (t) => {
    const { entry } = await stage(t)
    const { url, destPath } = entry('file')
    const [result] = await warmCache([{ url: new URL(url), destPath }])
    assert.equal(result.url, url)
  })
})

describe('options', () => {
  test('concurrency limits the downloads at once: 4 by default', async (t) => {
    let active = 0
    let most = 0
    const { entry } = await stage(t, async ({ path }) => {
      most = Math.max(most, ++active)
      await sleep(60)
      active -= 1
      return { body: path }
    })
    for (const [limit, options] of [
      [4, {}],
      [1, { concurrency: 1 }],
      [9, { concurrency: Number.POSITIVE_INFINITY }],
    ]) {
      most = 0
      const entries = Array.from({ length: 9 }, (_, index) => entry(`${limit}-${index}`))
      assert.deepEqual(
        statuses(await warmCache(entries, options)),
        entries.map(() => 'downloaded'),
      )
      assert.ok(most <= limit && most >= Math.min(limit, 2), `${most} at once, ${limit} allowed`)
    }
  })

  test('of the call are those of each entry, whose own come first', async (t) => {
    const { origin, entry } = await stage(t)
    class Entry {
      constructor(more) {
        Object.assign(this, more)
      }
    }
    const entries = [
      entry('a'),
      new Entry(entry('b', { headers: { 'x-own': '2' } })),
      entry('c', { headers: undefined }),
    ]
    const results = await warmCache(entries, { headers: { 'x-own': '1' }, concurrency: 1 })
    assert.deepEqual(statuses(results), ['downloaded', 'downloaded', 'downloaded'])
    assert.deepEqual(
      origin.requests.map(({ headers }) => headers['x-own']),
      ['1', '2', '1'],
    )
  })

  test('maxBytesPerSecond is a limit of all downloads together', async (t) => {
    const { entry } = await stage(t, { body: Buffer.alloc(300_000) })
    const entries = ['a', 'b', 'c', 'd'].map((name) => entry(name))
    const started = performance.now()
    const results = await warmCache(entries, { maxBytesPerSecond: 600_000 })
    const took = performance.now() - started
    assert.deepEqual(
      statuses(results),
      entries.map(() => 'downloaded'),
    )
    // Two seconds, less what may be caught up with. Each for itself would take half of one.
    assert.ok(took > 1300 && took < 10_000, `${took} ms`)
  })

  test('maxBytesPerSecond of an entry is that of its download', async (t) => {
    const { entry } = await stage(t, { body: Buffer.alloc(200_000) })
    const ends = []
    const entries = [entry('slow', { maxBytesPerSecond: 100_000 }), entry('quick')]
    await warmCache(entries, { onEntry: (_, index) => ends.push(index) })
    assert.deepEqual(ends, [1, 0])
  })

  test('maxBytesPerSecond of 0 and Infinity is no limit', async (t) => {
    const { entry } = await stage(t)
    for (const maxBytesPerSecond of [0, Number.POSITIVE_INFINITY]) {
      const [result] = await warmCache([entry(`a${maxBytesPerSecond}`)], { maxBytesPerSecond })
      assert.equal(result.status, 'downloaded', `${result.error}`)
    }
  })

  test('that code has put on Object.prototype are none', async (t) => {
    const { entry } = await stage(t)
    Object.prototype.sha256 = '0'.repeat(64)
    try {
      assert.deepEqual(statuses(await warmCache([entry('a')], {})), ['downloaded'])
    } finally {
      delete Object.prototype.sha256
    }
  })
})

describe('what is wrong', () => {
  const cases = [
    ['no iterable', 7, {}, /^The argument "entries" must be an iterable/],
    ['a string', 'entries', {}, /^The argument "entries" must be an iterable/],
    ['nothing', undefined, {}, /^The argument "entries" must be an iterable/],
    ['an entry that is no object', (good) => [good, 'x'], {}, /^entries\[1\]: /],
    [
      'an entry without a URL',
      (good) => [good, { destPath: 'a' }],
      {},
      /^entries\[1\]: .*"url" must be/,
    ],
    [
      'an entry without a destination',
      (good) => [{ url: good.url }],
      {},
      /^entries\[0\]: .*"destPath" must be/,
    ],
    [
      'a URL of another scheme',
      (good) => [good, good, { ...good, url: 'ftp://a/b' }],
      {},
      /^entries\[2\]: .*ftp/,
    ],
    [
      'a digest that is none',
      (good) => [good, { ...good, sha256: 'abc' }],
      {},
      /^entries\[1\]: .*options\.sha256/,
    ],
    [
      'a signal of an entry that is none',
      (good) => [{ ...good, signal: {} }],
      {},
      /^entries\[0\]: .*options\.signal/,
    ],
    ['options that are no object', (good) => [good], 'x', /^The argument "options" must be/],
    [
      'a concurrency of 0',
      (good) => [good],
      { concurrency: 0 },
      /"options\.concurrency".*Received 0/,
    ],
    ['half a download', (good) => [good], { concurrency: 1.5 }, /"options\.concurrency"/],
    ['a concurrency in words', (good) => [good], { concurrency: '4' }, /"options\.concurrency"/],
    ['no function', (good) => [good], { onEntry: 1 }, /"options\.onEntry" must be a function/],
    [
      'no function, either',
      (good) => [good],
      { onProgress: {} },
      /"options\.onProgress" must be a function/,
    ],
    [
      'an option of downloads',
      (good) => [good],
      { retries: -1 },
      /^The argument "options\.retries"/,
    ],
    [
      'a rate that is none',
      (good) => [good],
      { maxBytesPerSecond: '1M' },
      /^The argument "options\.maxBytesPerSecond"/,
    ],
    [
      'a rate below nothing',
      (good) => [good],
      { maxBytesPerSecond: -1 },
      /^The argument "options\.maxBytesPerSecond"/,
    ],
    [
      'a rate that is no number',
      (good) => [good],
      { maxBytesPerSecond: Number.NaN },
      /^The argument "options\.maxBytesPerSecond"/,
    ],
    ['a signal that is none', (good) => [good], { signal: 7 }, /"options\.signal"/],
  ]
  for (const [what, entries, options, message] of cases) {
    test(`${what} is a TypeError before anything starts`, async (t) => {
      const { origin, directory, entry } = await stage(t)
      const given = typeof entries === 'function' ? entries(entry('good')) : entries
      const error = await rejection(warmCache(given, options))
      assert.ok(error instanceof TypeError, `${error}`)
      assert.match(error.code, /^ERR_INVALID_(ARG_TYPE|ARG_VALUE|URL)$/)
      assert.match(error.message, message)
      await sleep(20)
      assert.equal(origin.requests.length, 0)
      assert.deepEqual(readdirSync(directory), [])
    })
  }
})

describe('progress', () => {
  test('is that of all entries together, never less, and complete at the end', async (t) => {
    const body = Buffer.alloc(400_000, 1)
    const { entry } = await stage(t, slowly(body, 20, 10))
    const there = entry('there')
    writeFileSync(there.destPath, body.subarray(0, 1000))
    const calls = []
    await warmCache([entry('a'), there, entry('b'), entry('c')], {
      onProgress: (...call) => calls.push(call),
    })
    assert.deepEqual(calls.at(-1), [1_201_000, 1_201_000])
    assert.ok(calls.length > 3, `${calls.length} calls`)
    for (const [index, [downloaded, total]] of calls.entries()) {
      assert.ok(downloaded <= total)
      assert.ok(index === 0 || downloaded >= calls[index - 1][0], `${calls}`)
    }
  })

  test('of an entry goes to its own listener, too', async (t) => {
    const { entry } = await stage(t)
    const own = []
    const all = []
    await warmCache([entry('abc', { onProgress: (...call) => own.push(call) }), entry('de')], {
      onProgress: (...call) => all.push(call),
    })
    assert.deepEqual(own.at(-1), [3, 3])
    assert.deepEqual(all.at(-1), [5, 5])
  })

  test('ends complete after a failure: what has failed is no longer expected', async (t) => {
    const { entry } = await stage(t, ({ path }, response) => {
      if (path === '/ok') return { body: 'fine' }
      response.writeHead(200, { 'Content-Length': 1_000_000 })
      response.write(Buffer.alloc(300_000))
      setTimeout(() => response.destroy(), 150)
    })
    const calls = []
    const results = await warmCache([entry('broken'), entry('ok')], {
      onProgress: (...call) => calls.push(call),
    })
    assert.deepEqual(statuses(results), ['failed', 'downloaded'])
    const [downloaded, total] = calls.at(-1)
    assert.equal(downloaded, total)
  })
})

describe('a callback that throws', () => {
  for (const name of ['onEntry', 'onProgress']) {
    test(`${name}: ends everything and rejects with its error`, async (t) => {
      const slow = slowly(Buffer.alloc(200_000), 100, 50)
      const { origin, entry } = await stage(t, (request, response) =>
        request.path === '/quick' ? { body: 'quick' } : slow(request, response),
      )
      const thrown = new Error('mine')
      const options = {
        concurrency: 2,
        [name]: () => {
          throw thrown
        },
      }
      const entries = [entry('slow'), entry('quick'), entry('slow-2'), entry('slow-3')]
      assert.equal(await rejection(warmCache(entries, options)), thrown)
      const asked = origin.requests.length
      assert.ok(asked < entries.length, `${asked} requests`)
      await until(() => origin.sockets.size <= 1, 'the end of the slow connections')
      // What was running may have been on its way to the server.
      const started = Math.max(asked, options.concurrency)
      assert.ok(origin.requests.length <= started, 'nothing starts any more')
    })
  }
})

describe('a signal', () => {
  test('ends what runs; the rest is failed with its AbortError', async (t) => {
    const slow = slowly(Buffer.alloc(200_000), 100, 50)
    const { origin, entry } = await stage(t, (request, response) =>
      request.path === '/quick' ? { body: 'quick' } : slow(request, response),
    )
    const controller = new AbortController()
    const ended = []
    const entries = [entry('quick'), entry('slow-1'), entry('slow-2'), entry('later')]
    const warming = warmCache(entries, {
      concurrency: 2,
      signal: controller.signal,
      onEntry: (_, index) => ended.push(index),
    })
    await until(() => origin.requests.length === 3, 'the slow requests')
    const reason = new Error('enough')
    controller.abort(reason)
    const results = await warming
    assert.deepEqual(statuses(results), ['downloaded', 'failed', 'failed', 'failed'])
    for (const { error } of results.slice(1)) {
      assert.equal(error.name, 'AbortError')
      assert.equal(error.code, 'ABORT_ERR')
      assert.equal(error.cause, reason)
    }
    assert.deepEqual(ended.sort(), [0, 1, 2, 3])
    assert.equal(origin.requests.length, 3)
    assert.equal(existsSync(entries[3].destPath), false)
  })

  test('that has fired starts nothing', async (t) => {
    const { origin, entry } = await stage(t)
    const results = await warmCache([entry('a'), entry('b')], { signal: AbortSignal.abort() })
    assert.deepEqual(statuses(results), ['failed', 'failed'])
    assert.equal(origin.requests.length, 0)
  })

  test('of an entry ends that entry alone', async (t) => {
    const slow = slowly(Buffer.alloc(200_000), 100, 50)
    const { origin, entry } = await stage(t, (request, response) =>
      request.path === '/slow' ? slow(request, response) : { body: 'x' },
    )
    const [own, all] = [new AbortController(), new AbortController()]
    const entries = [entry('slow', { signal: own.signal }), entry('other')]
    const warming = warmCache(entries, { signal: all.signal })
    await until(() => origin.requests.length === 2, 'both requests')
    own.abort()
    assert.deepEqual(statuses(await warming), ['failed', 'downloaded'])
  })

  test('gets no listener that stays', async (t) => {
    const { entry } = await stage(t)
    const controller = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = controller.signal
    controller.signal.addEventListener = (...given) => {
      listeners += 1
      addEventListener.apply(controller.signal, given)
    }
    controller.signal.removeEventListener = (...given) => {
      listeners -= 1
      removeEventListener.apply(controller.signal, given)
    }
    await warmCache([entry('a'), entry('b')], { signal: controller.signal })
    assert.equal(listeners, 0)
  })
})

test('entries of one destination share one download', async (t) => {
  const { origin, entry } = await stage(t, async ({ path }) => {
    await sleep(50)
    return { body: path }
  })
  const results = await warmCache([entry('same'), entry('same'), entry('same')])
  assert.ok(results.every(({ status }) => status !== 'failed'))
  assert.equal(origin.requests.length, 1)
})

test('a download of another call is waited for', async (t) => {
  const { origin, entry } = await stage(t, slowly(Buffer.alloc(1000), 5, 30))
  const { url, destPath } = entry('file')
  const [, results] = await Promise.all([
    downloadWithLock(url, destPath),
    warmCache([entry('file')]),
  ])
  assert.notEqual(results[0].status, 'failed')
  assert.equal(origin.requests.length, 1)
})

test('each download is published to the channel of downloads', async (t) => {
  const { entry } = await stage(t)
  const started = []
  const listener = ({ destPath }) => started.push(destPath)
  const channel = tracingChannel('socket-registry:download')
  channel.start.subscribe(listener)
  t.after(() => channel.start.unsubscribe(listener))
  const entries = [entry('a'), entry('b')]
  await warmCache(entries, { concurrency: 1, maxBytesPerSecond: 1e9 })
  assert.deepEqual(
    started,
    entries.map(({ destPath }) => destPath),
  )
})

test('a destination that is a directory fails alone', async (t) => {
  const { directory, entry } = await stage(t)
  mkdirSync(join(directory, 'taken'))
  const results = await warmCache([entry('taken'), entry('free')])
  assert.deepEqual(statuses(results), ['failed', 'downloaded'])
})
