// Strings as long as JavaScript can make them are refused by name, at once: never a crash, never a
// throw where a promise is expected.

import assert from 'node:assert/strict'
import { constants } from 'node:buffer'
import { test } from 'node:test'
import { clear, get, put, remove } from '@socketsecurity/registry/lib/cacache'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { HttpClient } from '@socketsecurity/registry/lib/http-client'
import {
  basicAuthHeader,
  buildUserAgent,
  decodeBody,
  enrichErrorMessage,
  httpDownload,
  httpRequest,
  isSensitiveHeaderName,
  parseRetryAfterHeader,
  sanitizeHeaders,
} from '@socketsecurity/registry/lib/http-request'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const URL_TEXT = 'http://127.0.0.1:1/'
// Not yet flat: as long as nobody reads them, they take no memory.
const LONGEST = { narrow: 'x', wide: '\u20ac' }

const client = new HttpClient()
const promises = {
  url: (text) => httpRequest(text),
  'url with a scheme': (text) => httpRequest(`${URL_TEXT}${text.slice(0, -URL_TEXT.length)}`),
  'url of an object': (text) => httpRequest({ href: text }),
  'url of a client': (text) => client.request(text),
  method: (text) => httpRequest(URL_TEXT, { method: text }),
  'value of a header': (text) => httpRequest(URL_TEXT, { headers: { accept: text } }),
  'name of a header': (text) => httpRequest(URL_TEXT, { headers: { [text]: 'v' } }),
  ca: (text) => httpRequest(URL_TEXT, { ca: text }),
  'ca of several': (text) => httpRequest(URL_TEXT, { ca: [text] }),
  proxy: (text) => httpRequest(URL_TEXT, { proxy: text }),
  destPath: (text) => httpDownload(URL_TEXT, text),
  sha256: (text) => httpDownload(URL_TEXT, '/nowhere/file', { sha256: text }),
  integrity: (text) => httpDownload(URL_TEXT, '/nowhere/file', { integrity: text }),
  locksDir: (text) => downloadWithLock(URL_TEXT, '/nowhere/file', { locksDir: text }),
  'key of get': (text) => get(text),
  'key of put': (text) => put(text, ''),
  'key of remove': (text) => remove(text),
  'prefix of clear': (text) => clear({ prefix: text }),
  'prefix of clearCache': (text) => client.clearCache(text),
  encoding: (text) => decodeBody(Buffer.alloc(1), text),
}
const throwing = {
  baseUrl: (text) => new HttpClient({ baseUrl: text }),
  'header of a client': (text) => new HttpClient({ headers: { accept: text } }),
  'proxy of a client': (text) => new HttpClient({ proxy: text }),
  cache: (text) => new HttpClient({ cache: text }),
  cacheDir: (text) => new HttpClient({ cache: 'disk', cacheDir: text }),
  'prefix of cacheTtl': (text) => new HttpClient({ cacheTtl: { [text]: 1 } }),
  basicAuthHeader: (text) => basicAuthHeader(text),
  buildUserAgent: (text) => buildUserAgent({ name: text, version: '1' }),
  isSensitiveHeaderName: (text) => isSensitiveHeaderName(text),
  'url of enrichErrorMessage': (text) => enrichErrorMessage(text, 'GET', undefined),
  'method of enrichErrorMessage': (text) => enrichErrorMessage(URL_TEXT, text, undefined),
}

function assertTooLong(error) {
  assert.equal(error.name, 'TypeError', `${error}`.slice(0, 500))
  assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
  assert.match(error.message, /must be at most \d+ characters long\. Received \d+ characters$/)
}

for (const [kind, character] of Object.entries(LONGEST)) {
  test(`${kind} strings of the greatest length`, async (t) => {
    process.env.SOCKET_CACACHE_DIR = temporaryDirectory(t)
    t.after(() => delete process.env.SOCKET_CACACHE_DIR)
    const text = character.repeat(constants.MAX_STRING_LENGTH)
    for (const [name, call] of Object.entries(promises)) {
      await t.test(name, async () => assertTooLong(await rejection(call(text))))
    }
    for (const [name, call] of Object.entries(throwing)) {
      await t.test(name, () => {
        try {
          call(text)
        } catch (error) {
          return assertTooLong(error)
        }
        assert.fail('it was taken')
      })
    }
  })
}

test('what was received is shown in part', async () => {
  const text = 'x y'.repeat(100_000)
  for (const call of [promises.method, promises.sha256, promises.integrity, promises.url]) {
    const { message } = await rejection(call(text))
    assert.ok(message.length < 1000, `${message.length} characters`)
  }
})

test('arrays that promise billions of elements are refused', async () => {
  const endless = []
  endless.length = 2 ** 32 - 1
  for (const call of [
    () => httpRequest(URL_TEXT, { ca: endless }),
    () => decodeBody(Buffer.from('x'), endless),
    async () => sanitizeHeaders({ a: endless }),
    async () => parseRetryAfterHeader(endless),
  ]) {
    const outcome = await call().catch((error) => error)
    if (outcome instanceof Error) assert.match(outcome.message, /must (have at most|be)/)
  }
})
