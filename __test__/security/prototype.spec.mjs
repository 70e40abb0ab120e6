// Options come from the caller's object and its own prototypes, never from `Object.prototype`.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import {
  buildUserAgent,
  enrichErrorMessage,
  HttpClient,
  httpDownload,
  httpRequest,
  readIncomingResponse,
} from '@socketsecurity/registry'
import { clear, get, put } from '@socketsecurity/registry/lib/cacache'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

/** Options are read when a function is called: what is polluted meanwhile is all that matters. */
function polluted(properties, call, prototype = Object.prototype) {
  Object.assign(prototype, properties)
  try {
    return call()
  } finally {
    for (const name of Object.keys(properties)) delete prototype[name]
  }
}

/** Properties that would end or change a call if they were read. */
const hostile = {
  proxy: 'http://127.0.0.1:1',
  ca: 'no certificate',
  method: 'DELETE',
  headers: { 'x-evil': '1' },
  body: 'evil',
  timeout: -1,
  retries: -1,
  followRedirects: 'no',
  signal: AbortSignal.abort(),
  hooks: { onRequest: 5 },
  sha256: 'nothing',
  integrity: 'nothing',
  mode: -1,
  createWriteStream: () => {},
  onProgress: 5,
  logger: 5,
  lockTimeout: -1,
  locksDir: '',
  baseUrl: 'http://127.0.0.1:1/',
  cache: 5,
  cacheTtl: 'x',
  idempotent: 5,
  href: 'http://127.0.0.1:1/',
  prefix: 5,
  metadata: 5n,
}

class Defaults {
  #retries = 0
  get retries() {
    return this.#retries
  }
}

/** Objects of options as callers make them; all of them have an `x-mine` field. */
const makers = {
  'a plain object': () => ({ headers: { 'x-mine': '1' } }),
  'an object with defaults as its prototype': () => Object.create({ headers: { 'x-mine': '1' } }),
  'an instance of a class with getters': () => {
    class Options extends Defaults {
      get headers() {
        return { 'x-mine': String(this.retries + 1) }
      }
    }
    return new Options()
  },
  'an object without a prototype': () => {
    const options = Object.assign(Object.create(null), { headers: { 'x-mine': '1' } })
    return options
  },
  'a Proxy': () => new Proxy({ headers: { 'x-mine': '1' } }, {}),
}

for (const [name, make] of Object.entries(makers)) {
  test(`${name} is read, and Object.prototype is not`, async (t) => {
    const origin = await startOrigin(t, { body: 'abc' })
    const directory = temporaryDirectory(t)
    const { url } = origin
    const check = async (call) => {
      await polluted({}, call)
      await polluted(hostile, call)
      const requests = origin.requests.splice(0)
      assert.equal(requests.length, 2)
      for (const { method, headers, body } of requests) {
        assert.equal(method, 'GET')
        assert.equal(headers['x-mine'], '1')
        assert.equal(headers['x-evil'], undefined)
        assert.equal(body.length, 0)
      }
    }
    let files = 0
    const file = () => join(directory, `${files++}`)
    await check(() => httpRequest(url, make()))
    await check(() => httpRequest(new URL(url), make()))
    await check(() => httpDownload(url, file(), make()))
    await check(() => downloadWithLock(url, file(), make()))
    await check(() => new HttpClient(make()).request(url))
    await check(() => new HttpClient().request(url, make()))
    await check(() => new HttpClient().download(url, file(), make()))
    assert.equal(files, 6)
    assert.ok(existsSync(join(directory, '0')))
  })
}

test('variables are those of the environment, not of Object.prototype', async (t) => {
  const origin = await startOrigin(t, { body: 'direct' })
  const directory = temporaryDirectory(t)
  const nowhere = 'http://127.0.0.1:1/'
  const variables = {
    http_proxy: nowhere,
    HTTP_PROXY: nowhere,
    https_proxy: nowhere,
    HTTPS_PROXY: nowhere,
    all_proxy: nowhere,
    ALL_PROXY: nowhere,
    REQUEST_METHOD: 'GET',
    SOCKET_CALLER_USER_AGENT: 'evil/1.0',
    SOCKET_CACACHE_DIR: directory,
    NODE_EXTRA_CA_CERTS: join(directory, 'evil.pem'),
  }
  const response = await polluted(variables, () => httpRequest(origin.url))
  assert.equal(response.text(), 'direct')
  assert.doesNotMatch(origin.requests[0].headers['user-agent'], /evil/)
  const read = await rejection(polluted(variables, () => get('no such key of the test')))
  assert.ok(!read.message.includes(directory), read.message)
  // And those of the environment are read as before.
  process.env.SOCKET_CALLER_USER_AGENT = 'caller/1.0'
  t.after(() => delete process.env.SOCKET_CALLER_USER_AGENT)
  await polluted(variables, () => httpRequest(origin.url))
  assert.match(origin.requests[1].headers['user-agent'], /caller\/1\.0$/)
})

test('options of another realm are read, and its Object.prototype is not', async (t) => {
  const origin = await startOrigin(t)
  const { prototype, make } = runInNewContext(
    '({ prototype: Object.prototype, make: () => ({ headers: { "x-mine": "1" } }) })',
  )
  await polluted(hostile, () => httpRequest(origin.url, make()), prototype)
  await httpRequest(origin.url, make())
  await httpRequest(origin.url, Object.create(make()))
  assert.equal(origin.requests.length, 3)
  for (const { method, headers } of origin.requests) {
    assert.equal(method, 'GET')
    assert.equal(headers['x-mine'], '1')
    assert.equal(headers['x-evil'], undefined)
  }
})

test('hooks, loggers, URLs and other objects have nothing from Object.prototype', async (t) => {
  const origin = await startOrigin(t, { body: 'abc' })
  const directory = temporaryDirectory(t)
  let called = 0
  const evil = {
    onRequest: () => called++,
    onResponse: () => called++,
    log: () => called++,
    href: origin.url,
    name: 'evil',
    version: '1',
  }
  await polluted(evil, () => httpRequest(origin.url, { hooks: {} }))
  assert.equal(called, 0)
  const destination = join(directory, 'file')
  const logging = polluted(evil, () => httpDownload(origin.url, destination, { logger: {} }))
  assert.match((await rejection(logging)).message, /"options.logger"/)
  assert.match((await rejection(polluted(evil, () => httpRequest({})))).message, /"url"/)
  const proxied = polluted(evil, () => httpRequest(origin.url, { proxy: {} }))
  assert.match((await rejection(proxied)).message, /"options.proxy"/)
  assert.throws(() => polluted(evil, () => buildUserAgent({})), /"application.name"/)
  assert.throws(() => polluted(evil, () => enrichErrorMessage({}, 'GET')), /"url"/)
})

test('a reader of messages has no limit from Object.prototype', async (t) => {
  const origin = await startOrigin(t, { body: 'whole' })
  for (const options of [undefined, {}]) {
    const message = await new Promise((resolve) => request(origin.url, resolve).end())
    // Not of a signal: Node's own streams would take it.
    const response = await polluted({ maxResponseSize: 1 }, () =>
      readIncomingResponse(message, options),
    )
    assert.equal(response.text(), 'whole')
  }
})

test('options of the cache have nothing from Object.prototype', async (t) => {
  process.env.SOCKET_CACACHE_DIR = temporaryDirectory(t)
  t.after(() => delete process.env.SOCKET_CACACHE_DIR)
  await polluted(hostile, () => put('a', 'b', {}))
  assert.equal(await polluted(hostile, () => clear({})), 1)
})

test('a getter of the caller that throws rejects with what it threw, polluted or not', async () => {
  const thrown = new Error('mine')
  const options = {
    get retries() {
      throw thrown
    },
  }
  for (const properties of [{}, hostile]) {
    const error = await rejection(polluted(properties, () => httpRequest('http://a.test', options)))
    assert.equal(error, thrown)
  }
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  assert.ok((await rejection(httpRequest('http://a.test', proxy))) instanceof TypeError)
})
