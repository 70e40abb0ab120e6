// Diagnostics channels: those of undici for each exchange, and ours for downloads, locks and
// errors.

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  downloadWithLock,
  HttpClient,
  httpDownload,
  httpGetText,
  httpRequest,
} from '@socketsecurity/registry'
import { startOrigin } from '../helpers/origins/lock-origin.mjs'
import { startRangeOrigin, version } from '../helpers/origins/range-origin.mjs'
import { rejection, temporaryDirectory, until } from '../helpers/support.mjs'
import { require, runNode, startServer } from './server.mjs'

const UNDICI = [
  'undici:request:create',
  'undici:client:sendHeaders',
  'undici:request:bodySent',
  'undici:request:headers',
  'undici:request:trailers',
  'undici:request:error',
]

/** Collects the messages of these channels during a test, as `[channel, message]`. */
function listen(t, channels, onMessage = () => {}) {
  const heard = []
  for (const channel of channels) {
    const listener = (message, name) => {
      heard.push([name, message])
      onMessage(message, name)
    }
    subscribe(channel, listener)
    t.after(() => unsubscribe(channel, listener))
  }
  return heard
}

const namesOf = (heard) => heard.map(([name]) => name.replace(/^undici:(request|client):/, ''))
const WHOLE = ['create', 'sendHeaders', 'bodySent', 'headers', 'trailers']

describe('the channels of undici', () => {
  test('an exchange is published from its creation to its end, before the call resolves', async (t) => {
    const { url, port } = await startServer(t)
    const heard = listen(t, UNDICI)
    await httpRequest(`${url}/path?q=1`, { method: 'POST', headers: { 'x-a': 'b' }, body: 'c' })
    assert.deepEqual(namesOf(heard), WHOLE)
    const messages = heard.map(([, message]) => message)
    const [{ request }, sent, , { response }, { trailers }] = messages
    assert.ok(messages.every((message) => message.request === request))
    assert.deepEqual([request.origin, request.path, request.method], [url, '/path?q=1', 'POST'])
    assert.equal(request.headers[request.headers.indexOf('x-a') + 1], 'b')
    assert.equal(typeof request.addHeader, 'function')
    assert.equal(request.completed, true)
    assert.deepEqual([sent.socket.remoteAddress, sent.socket.remotePort], ['127.0.0.1', port])
    assert.match(sent.headers, /^POST \/path\?q=1 HTTP\/1\.1\r\n(?:.+\r\n)*x-a: b\r\n/)
    assert.deepEqual([response.statusCode, response.statusText], [200, 'OK'])
    assert.ok(response.headers.length % 2 === 0 && response.headers.every(Buffer.isBuffer))
    assert.ok(response.headers.map(String).includes('content-length'))
    assert.deepEqual(trailers, [])
  })

  test('each redirect and each attempt is an exchange of its own', async (t) => {
    const { url } = await startServer(t)
    const heard = listen(t, UNDICI)
    await httpRequest(`${url}/redirect/2`)
    assert.deepEqual(namesOf(heard).sort(), [...WHOLE, ...WHOLE, ...WHOLE].sort())
    const requests = new Set(heard.map(([, { request }]) => request))
    assert.deepEqual(
      [...requests].map(({ path }) => path),
      ['/redirect/2', '/redirect/1', '/redirect/0'],
    )
    heard.length = 0
    await httpRequest(`${url}/status/503,429,200`, { retries: 3, retryDelay: 1 })
    const statuses = heard.map(([, { response }]) => response?.statusCode).filter(Boolean)
    assert.deepEqual(statuses, [503, 429, 200])
    assert.equal(new Set(heard.map(([, { request }]) => request)).size, 3)
  })

  test('every exchange that begins ends, whatever becomes of it', async (t) => {
    const { url, requests: seen } = await startServer(t)
    const heard = listen(t, UNDICI)
    const end = async (path, options) => {
      heard.length = 0
      await httpRequest(path, options).catch(() => {})
      return heard
        .map(([name, { error }]) => [name.split(':').at(-1), error?.code, error?.name])
        .at(-1)
    }
    assert.deepEqual(await end('http://127.0.0.1:1/'), ['error', 'ECONNREFUSED', 'Error'])
    assert.deepEqual(await end(`${url}/hang`, { timeout: 50 }), ['error', 'ERR_TIMEOUT', 'Error'])
    assert.deepEqual(await end(`${url}/cut/1000`), ['error', 'ERR_BODY_LENGTH', 'Error'])
    assert.deepEqual((await end(`${url}/redirect/9`))[0], 'error')
    assert.deepEqual(await end(`${url}/bytes/1000`, { maxResponseSize: 10 }), [
      'error',
      'ERR_BODY_TOO_LARGE',
      'Error',
    ])
    const controller = new AbortController()
    const before = seen.length
    const ending = end(`${url}/hang`, { signal: controller.signal })
    await until(() => seen.length > before, 'it was sent')
    controller.abort()
    await ending
    await until(() => namesOf(heard).includes('error'), 'its end is published')
    assert.equal(heard.at(-1)[1].error.name, 'AbortError')
  })

  test('the first request is published when the call is made, and ends if it is never sent', async (t) => {
    const { url, requests: seen } = await startServer(t)
    const heard = listen(t, UNDICI)
    const calling = httpRequest(`${url}/bytes/10`)
    assert.deepEqual(namesOf(heard), ['create'])
    const [[, { request }]] = heard
    assert.deepEqual([request.origin, request.path, request.method], [url, '/bytes/10', 'GET'])
    assert.ok(request.headers.includes('accept-encoding'))
    await calling
    assert.equal(heard.filter(([name]) => name === 'undici:request:create').length, 1)
    heard.length = 0
    for (const abortedBefore of [true, false]) {
      const controller = new AbortController()
      if (abortedBefore) controller.abort()
      const aborted = rejection(httpRequest(`${url}/hang`, { signal: controller.signal }))
      controller.abort()
      assert.equal((await aborted).name, 'AbortError')
    }
    await until(() => namesOf(heard).includes('error'), 'its end is published')
    assert.deepEqual(namesOf(heard), ['create', 'error'])
    assert.equal(heard[1][1].error.name, 'AbortError')
    heard.length = 0
    await rejection(httpRequest('https://label-.test/'))
    assert.deepEqual(namesOf(heard), [], 'a name for which no certificate can be')
    assert.equal(seen.filter(({ path }) => path === '/bytes/10').length, 1)
  })

  test('an attempt at a download that times out ends its exchanges with that error', async (t) => {
    const { url } = await startServer(t)
    const ranges = await startRangeOrigin(t, version(8 << 20))
    const heard = listen(t, UNDICI)
    const slowly = { maxBytesPerSecond: 1_000_000, timeout: 200 }
    for (const [address, options, least] of [
      [`${url}/hang`, { timeout: 50 }, 1],
      [`${url}/bytes/4000000`, slowly, 1],
      [`${url}/hang`, { timeout: 50, retries: 1, retryDelay: 1 }, 2],
      [ranges.url, { ...slowly, connections: 4 }, 2],
    ]) {
      heard.length = 0
      const destination = join(temporaryDirectory(t), 'file')
      const error = await rejection(httpDownload(address, destination, options))
      assert.equal(error.code, 'ERR_TIMEOUT')
      const ends = () => heard.filter(([name]) => name === 'undici:request:error')
      const begun = () => heard.filter(([name]) => name === 'undici:request:create')
      await until(() => ends().length === begun().length, 'all have ended')
      assert.ok(ends().length >= least, `${ends().length}`)
      const codes = new Set(ends().map(([, { error }]) => error.code))
      assert.deepEqual([...codes], ['ERR_TIMEOUT'], address)
    }
  })

  test('a body that is streamed ends the exchange when it ends', async (t) => {
    const { url } = await startServer(t)
    const heard = listen(t, UNDICI)
    const { rawResponse } = await httpRequest(`${url}/bytes/100000`, { stream: true })
    assert.deepEqual(namesOf(heard), WHOLE.slice(0, -1))
    await rawResponse.toArray()
    assert.deepEqual(namesOf(heard), WHOLE)
    heard.length = 0
    const other = await httpRequest(`${url}/hang/..`, { stream: true })
    other.rawResponse.destroy()
    await until(() => heard.length === 5, 'its end is published')
  })

  test('addHeader reaches the server, of downloads and redirects too', async (t) => {
    const { url, requests: seen } = await startServer(t)
    listen(t, ['undici:request:create'], ({ request }) => {
      request.addHeader('x-trace', `of ${request.path}`)
    })
    await httpRequest(`${url}/redirect/1`)
    await httpDownload(`${url}/bytes/10`, join(temporaryDirectory(t), 'file'))
    assert.deepEqual(
      seen.map(({ headers }) => headers['x-trace']),
      ['of /redirect/1', 'of /redirect/0', 'of /bytes/10'],
    )
  })

  test('a field that cannot be sent is refused where it is added', async (t) => {
    const { url, requests: seen } = await startServer(t)
    const refused = []
    listen(t, ['undici:request:create'], ({ request }) => {
      for (const [name, value] of [
        ['a b', 'c'],
        ['x-a', 'b\r\nx-c: d'],
        ['', 'a'],
      ]) {
        try {
          request.addHeader(name, value)
        } catch (error) {
          refused.push(error.code)
        }
      }
    })
    assert.equal((await httpRequest(url)).status, 200)
    assert.deepEqual(refused, Array(3).fill('ERR_INVALID_ARG_VALUE'))
    assert.ok(!('x-c' in seen[0].headers))
  })

  test('secrets of the URL are not published', async (t) => {
    const { url } = await startServer(t)
    const heard = listen(t, UNDICI)
    await httpRequest(`${url.replace('//', '//user:hunter2@')}/?token=hunter2`)
    const [, { request }] = heard[0]
    assert.equal(request.path, '/?token=REDACTED')
    assert.equal(request.origin, url)
  })

  test('what a subscriber throws is an uncaught exception, and the call continues', async (t) => {
    const { url } = await startServer(t)
    const program = `
      import { subscribe } from 'node:diagnostics_channel'
      import { httpGetText, httpDownload } from '@socketsecurity/registry'
      const [url, file] = process.argv.slice(1)
      const caught = []
      process.on('uncaughtException', (error) => caught.push(error.message))
      for (const name of ${JSON.stringify([...UNDICI, 'tracing:socket-registry:download:start'])}) {
        subscribe(name, () => { throw new Error(name) })
      }
      console.log(await httpGetText(url + '/text'))
      console.log((await httpDownload(url + '/bytes/10', file)).size)
      await new Promise((resolve) => setTimeout(resolve, 50))
      console.log(caught.length)
    `
    const file = join(temporaryDirectory(t), 'file')
    const { stdout } = await runNode(program, { args: [url, file] })
    assert.equal(stdout, '/text\n10\n11\n')
  })

  test('while nobody has subscribed nothing is done', async (t) => {
    const { url } = await startServer(t)
    const program = `
      import { createRequire } from 'node:module'
      import { httpGetText } from '@socketsecurity/registry'
      await httpGetText(process.argv[1])
      const { cache } = createRequire(process.cwd() + '/')
      console.log(Object.keys(cache).some((name) => name.endsWith('observer.js')))
    `
    const { stdout } = await runNode(program, { args: [url] })
    assert.equal(stdout, 'false\n')
  })

  test('who subscribes after a call began hears of the next one', async (t) => {
    const { url } = await startServer(t)
    await httpRequest(url)
    const heard = listen(t, UNDICI)
    await httpRequest(url)
    assert.deepEqual(namesOf(heard), WHOLE)
  })

  test('nothing of a call remains after its end', async (t) => {
    const { url } = await startServer(t)
    listen(t, UNDICI)
    const program = `
      import { subscribe } from 'node:diagnostics_channel'
      import { httpRequest } from '@socketsecurity/registry'
      const [url] = process.argv.slice(1)
      const seen = []
      subscribe('undici:request:create', ({ request }) => seen.push(new WeakRef(request)))
      await Promise.allSettled(Array.from({ length: 200 }, (_, index) =>
        httpRequest(url + (index % 2 ? '/text' : '/cut/1000'))))
      await new Promise((resolve) => setTimeout(resolve, 50))
      globalThis.gc()
      console.log(seen.length, seen.filter((each) => each.deref()).length < 20)
    `
    const { stdout } = await runNode(
      `import v8 from 'node:v8'
      import vm from 'node:vm'
      v8.setFlagsFromString('--expose-gc')
      globalThis.gc = vm.runInNewContext('gc')
      ${program}`,
      { args: [url] },
    )
    assert.equal(stdout, '200 true\n')
  })
})

describe('socket-registry:download', () => {
  const KINDS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error']
  const channels = KINDS.map((kind) => `tracing:socket-registry:download:${kind}`)
  const kinds = (heard) => heard.map(([name]) => name.split(':').at(-1))

  test('a download is traced from its call to its result', async (t) => {
    const { url } = await startServer(t)
    const client = new HttpClient({ baseUrl: url })
    const heard = listen(t, channels)
    const directory = temporaryDirectory(t)
    for (const [index, download] of [
      (path) => httpDownload(`${url}/bytes/10`, path),
      (path) => downloadWithLock(`${url}/bytes/10`, path),
      (path) => client.download('/bytes/10', path),
      (path) => client.downloadWithLock('/bytes/10', path),
    ].entries()) {
      heard.length = 0
      const path = join(directory, `${index}`)
      const result = await download(path)
      assert.deepEqual(kinds(heard), ['start', 'end', 'asyncStart', 'asyncEnd'])
      const [, context] = heard[0]
      assert.ok(heard.every(([, each]) => each === context))
      assert.deepEqual([context.destPath, context.result], [path, result])
      assert.ok(context.url.endsWith('/bytes/10'), context.url)
    }
  })

  test('one that fails has its error', async (t) => {
    const { url } = await startServer(t)
    const heard = listen(t, channels)
    const path = join(temporaryDirectory(t), 'file')
    const error = await rejection(httpDownload(`${url}/status/404?token=hunter2`, path))
    assert.deepEqual(kinds(heard), ['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
    assert.equal(heard[0][1].error, error)
    assert.ok(!heard[0][1].url.includes('hunter2'))
  })

  test('one of what is no URL rejects as it does untraced', async (t) => {
    const wrong = {
      toString() {
        throw new Error('never called')
      },
    }
    const heard = listen(t, channels)
    const error = await httpDownload(wrong, 'file').catch((error) => error)
    assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
    assert.equal(heard[0][1].url, undefined)
  })

  test('stores that are bound to its start are those of its exchanges', async (t) => {
    const { url } = await startServer(t)
    const storage = new AsyncLocalStorage()
    const channel = tracingChannel('socket-registry:download')
    channel.start.bindStore(storage, ({ destPath }) => destPath)
    t.after(() => channel.start.unbindStore(storage))
    const heard = listen(t, channels)
    const stores = []
    listen(t, ['undici:request:create'], () => stores.push(storage.getStore()))
    const path = join(temporaryDirectory(t), 'file')
    await httpDownload(`${url}/bytes/10`, path)
    assert.deepEqual(stores, [path])
    assert.equal(heard.length, 4)
  })

  test('the functions have the names and lengths that they had', () => {
    assert.equal(httpDownload.name, 'httpDownload')
    assert.equal(downloadWithLock.name, 'downloadWithLock')
    assert.equal(HttpClient.prototype.download.name, 'download')
  })
})

describe('socket-registry:lock', () => {
  const channels = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map(
    (kind) => `tracing:socket-registry:lock:${kind}`,
  )
  const kinds = (heard) => heard.map(([name]) => name.split(':').at(-1))

  test('a lock is traced from the call until it is acquired', async (t) => {
    const { url } = await startServer(t)
    const heard = listen(t, channels)
    const path = join(temporaryDirectory(t), 'file')
    await downloadWithLock(`${url}/bytes/10?token=hunter2`, path)
    assert.deepEqual(kinds(heard), ['start', 'end', 'asyncStart', 'asyncEnd'])
    const [, context] = heard[0]
    assert.deepEqual([context.destPath, context.result], [path, { acquired: true }])
    assert.ok(context.lockPath.endsWith('.lock') && !context.url.includes('hunter2'))
    heard.length = 0
    await downloadWithLock(`${url}/bytes/10`, path)
    assert.deepEqual(heard, [], 'a file that is there needs no lock')
  })

  test('one that is held for too long ends with the error of the call', async (t) => {
    const origin = await startOrigin({ size: 1000, gated: 1 })
    t.after(() => origin.close())
    const path = join(temporaryDirectory(t), 'file')
    const program = `
      import { downloadWithLock } from '@socketsecurity/registry'
      await downloadWithLock(...process.argv.slice(1))
    `
    const other = runNode(program, { args: [origin.url, path] })
    await until(() => origin.requests.length === 1, 'the other process downloads', 20_000)
    const heard = listen(t, channels)
    await rejection(downloadWithLock(origin.url, path, { lockTimeout: 50 }))
    assert.deepEqual(kinds(heard), ['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
    assert.equal(heard[0][1].error.code, 'ERR_LOCK_TIMEOUT')
    origin.openAll()
    await other
  })
})

test('socket-registry:error has what getErrors groups', async (t) => {
  const { url, host } = await startServer(t)
  const heard = listen(t, ['socket-registry:error'])
  await httpRequest(`${url}/status/404`)
  await rejection(httpDownload('http://127.0.0.1:1/', join(temporaryDirectory(t), 'file')))
  const [first, second, ...others] = heard.map(([, { time, ...message }]) => {
    assert.ok(Math.abs(Date.now() - time) < 60_000)
    return message
  })
  assert.deepEqual(others, [])
  const message = 'HTTP 404: Not Found'
  assert.deepEqual(first, {
    operation: 'request',
    code: 'ERR_HTTP_STATUS',
    host,
    status: 404,
    message,
  })
  assert.deepEqual([second.operation, second.code], ['download', 'ECONNREFUSED'])
})

describe('AsyncLocalStorage has in a callback what it had at the call', () => {
  const storage = new AsyncLocalStorage()
  const stores = []
  const note = () => {
    stores.push(storage.getStore())
  }

  /** Calls at once in different contexts, so that one cannot have the other's by accident. */
  async function inContexts(call) {
    stores.length = 0
    const names = ['a', 'b', 'c']
    await Promise.all(names.map((name) => storage.run(name, () => call(name))))
    const seen = new Set(stores)
    assert.deepEqual([...seen].sort(), names)
  }

  test('channels', async (t) => {
    const { url } = await startServer(t)
    listen(t, [...UNDICI, 'socket-registry:error'], note)
    await inContexts(() => httpRequest(`${url}/status/503`, { retries: 2, retryDelay: 1 }))
    assert.equal(stores.length, 3 * (3 * 5 + 1))
  })

  test('hooks and onRetry', async (t) => {
    const { url } = await startServer(t)
    const options = {
      hooks: { onRequest: note, onResponse: note },
      onRetry: note,
      retries: 1,
      retryDelay: 1,
    }
    await inContexts(() => httpRequest(`${url}/status/503`, options))
    assert.equal(stores.length, 3 * 5)
    const client = new HttpClient({ baseUrl: url, hooks: { onRequest: note } })
    await inContexts(() => client.getText('/text'))
  })

  test('onProgress, a logger and onWait', async (t) => {
    const { url } = await startServer(t)
    const directory = temporaryDirectory(t)
    await inContexts((name) =>
      httpDownload(`${url}/bytes/100`, join(directory, name), { onProgress: note }),
    )
    await inContexts((name) =>
      httpDownload(`${url}/bytes/100`, join(directory, name), { logger: { log: note } }),
    )
    const origin = await startOrigin({ size: 1000, gated: 1 })
    t.after(() => origin.close())
    const path = join(directory, 'locked')
    const program = `
      import { downloadWithLock } from '@socketsecurity/registry'
      await downloadWithLock(...process.argv.slice(1))
    `
    const other = runNode(program, { args: [origin.url, path] })
    await until(() => origin.requests.length === 1, 'the other process downloads', 20_000)
    const waiting = inContexts(() => downloadWithLock(origin.url, path, { onWait: note }))
    await until(() => stores.length === 3, 'all have been told')
    origin.openAll()
    await Promise.all([waiting, other])
  })

  test('the code after await', async (t) => {
    const { url } = await startServer(t)
    await inContexts(async () => {
      await httpGetText(url)
      note()
    })
  })
})

test('the package has no channel of its own making', () => {
  // Theirs and ours are the same objects, however often this package is loaded.
  const { undici } = require('../../lib/channels.js')
  assert.equal(undici.create, require('node:diagnostics_channel').channel('undici:request:create'))
})
