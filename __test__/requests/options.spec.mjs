// Wrong values for the options of streams, limits, hooks, retries and loggers: each rejects with a
// TypeError that names the option, before the network or the disk is touched. URLs, paths, headers
// and the other numbers: arguments.spec.mjs.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import {
  httpDownload,
  httpJson,
  httpRequest,
  httpText,
} from '@socketsecurity/registry/lib/http-request'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const TYPE = 'ERR_INVALID_ARG_TYPE'
const VALUE = 'ERR_INVALID_ARG_VALUE'

const requests = { httpRequest, httpJson, httpText }
const downloads = {
  httpDownload: (url, options, destination) => httpDownload(url, destination, options),
}

const nothing = () => {}
const noBoolean = ['yes', 1, {}]
const noFunction = ['log', 5, true, {}]
const noNumber = ['10', true, {}, [], 3n]
const badNumber = [Number.NaN, -1, Number.NEGATIVE_INFINITY]

/** Rows of an option, options with a wrong value for it, and the code. */
function rows(option, values, code) {
  return values.map((value) => [option, { [option]: value }, code])
}

const ofBoth = [
  ...['retryDelayMax', 'connectTimeout', 'idleTimeout'].flatMap((option) => [
    ...rows(option, noNumber, TYPE),
    ...rows(option, badNumber, VALUE),
  ]),
  ...rows('onRetry', noFunction, TYPE),
  ...rows('ca', [5, true, {}], TYPE),
  ['ca', { ca: [5] }, TYPE],
  ['ca', { ca: [null] }, TYPE],
  ...rows('proxy', [5, {}, [], nothing], TYPE),
  ...rows('proxy', ['no url', 'ftp://127.0.0.1:1'], VALUE),
]

const ofRequests = [
  ...rows('maxResponseSize', noNumber, TYPE),
  ...rows('maxResponseSize', badNumber, VALUE),
  ...rows('hooks', ['log', 5, true, nothing], TYPE),
  ...['onRequest', 'onResponse'].flatMap((name) =>
    noFunction.map((value) => [`hooks.${name}`, { hooks: { [name]: value } }, TYPE]),
  ),
  ...rows('stream', noBoolean, TYPE),
  ...rows('body', [new Writable(), { pipe: nothing }, { getHeaders: nothing }], TYPE),
]

const ofDownloads = [
  ...rows('followRedirects', noBoolean, TYPE),
  ...rows('maxRedirects', noNumber, TYPE),
  ...rows('maxRedirects', [...badNumber, 0.5], VALUE),
  ...rows('logger', ['log', 5, true, nothing], TYPE),
  ['logger', { logger: {} }, TYPE],
  ['logger', { logger: { log: 'a string' } }, TYPE],
  ...rows('progressInterval', noNumber, TYPE),
  ...rows('progressInterval', [Number.NaN, -1], VALUE),
]

/** Options of which type and value are hard to tell apart. */
const EITHER = new Set(['proxy', 'ca', 'logger'])

/** Options as they can stand in the name of a test. */
function shown(options) {
  const text = inspect(options, { depth: 2, breakLength: Number.POSITIVE_INFINITY })
  return text.length > 70 ? `${text.slice(0, 70)}…` : text
}

for (const [functions, table] of [
  [requests, ofBoth],
  [requests, ofRequests],
  [{ httpRequest }, rows('throwOnError', noBoolean, TYPE)],
  [downloads, ofBoth],
  [downloads, ofDownloads],
]) {
  for (const [name, call] of Object.entries(functions)) {
    describe(`${name} refuses`, () => {
      for (const [option, options, code] of table) {
        test(shown(options), async (t) => {
          const origin = await startOrigin(t, { body: '{}' })
          const directory = temporaryDirectory(t)
          let promise
          assert.doesNotThrow(() => {
            promise = call(origin.url, options, join(directory, 'new', 'file'))
          })
          const error = await rejection(promise)
          assert.ok(error instanceof TypeError, `${error} is no TypeError`)
          assert.ok(
            error.message.includes(`options.${option}`),
            `'${error.message}' does not name options.${option}`,
          )
          const allowed = EITHER.has(option) ? [TYPE, VALUE, 'ERR_INVALID_URL'] : [code]
          assert.ok(allowed.includes(error.code), `the code is ${error.code}`)
          assert.equal(origin.connections, 0, 'the server was reached')
          assert.deepEqual(readdirSync(directory), [], 'the disk was touched')
        })
      }
    })
  }
}

/** Options by the names of all that the tables refuse, each undefined. */
function undefinedOptions(table) {
  return Object.fromEntries(table.map(([option]) => [option.split('.')[0], undefined]))
}

describe('undefined is the default', () => {
  test('for each option of a request', async (t) => {
    const origin = await startOrigin(t, { status: 404, body: 'x'.repeat(100_000) })
    const options = undefinedOptions([...ofBoth, ...ofRequests, ['throwOnError']])
    const response = await httpRequest(origin.url, options)
    assert.equal(response.status, 404)
    assert.equal(response.text().length, 100_000)
  })

  test('for each option of a download', async (t) => {
    const origin = await startOrigin(t, { body: 'x'.repeat(100_000) })
    const options = undefinedOptions([...ofBoth, ...ofDownloads])
    const destination = join(temporaryDirectory(t), 'file')
    assert.equal((await httpDownload(origin.url, destination, options)).size, 100_000)
  })

  test('for each hook', async (t) => {
    const origin = await startOrigin(t)
    for (const hooks of [{}, { onRequest: undefined, onResponse: undefined }]) {
      assert.equal((await httpRequest(origin.url, { hooks })).status, 200)
    }
  })
})

describe('objects without a prototype are good', () => {
  const bare = (properties) => Object.assign(Object.create(null), properties)

  test('as options and hooks of a request', async (t) => {
    const origin = await startOrigin(t, { status: 404 })
    let hooked = 0
    const hooks = bare({
      onRequest: () => {
        hooked += 1
      },
    })
    const options = bare({
      hooks,
      onRetry: nothing,
      maxResponseSize: 1000,
      connectTimeout: 5000,
      idleTimeout: 5000,
      retryDelayMax: 1000,
      throwOnError: true,
      ca: [],
      proxy: false,
    })
    assert.equal((await rejection(httpRequest(origin.url, options))).response.status, 404)
    assert.equal(hooked, 1)
  })

  test('as options and logger of a download', async (t) => {
    const origin = await startOrigin(t, { body: 'x' })
    const options = bare({ logger: bare({ log: nothing }), progressInterval: 5, onRetry: nothing })
    const destination = join(temporaryDirectory(t), 'file')
    assert.equal((await httpDownload(origin.url, destination, options)).size, 1)
  })
})

describe('numbers at their ends', () => {
  const most = [Number.MAX_SAFE_INTEGER, Number.MAX_VALUE]

  for (const option of ['connectTimeout', 'idleTimeout', 'retryDelayMax', 'maxResponseSize']) {
    test(`${option} may be as large as numbers are`, async (t) => {
      const origin = await startOrigin(t, { body: 'good' })
      for (const value of most) {
        assert.equal((await httpRequest(origin.url, { [option]: value })).text(), 'good')
      }
    })

    test(`${option} may be 0`, async (t) => {
      const origin = await startOrigin(t, { body: 'good' })
      assert.equal((await httpRequest(origin.url, { [option]: 0 })).text(), 'good')
    })
  }
})

test('what a getter within the hooks throws rejects the call', async (t) => {
  const origin = await startOrigin(t)
  const thrown = new Error('from the getter')
  const hooks = {
    get onRequest() {
      throw thrown
    },
  }
  assert.equal(await rejection(httpRequest(origin.url, { hooks })), thrown)
  assert.equal(origin.connections, 0)
})
