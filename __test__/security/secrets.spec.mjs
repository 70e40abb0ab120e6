// Secrets are neither forwarded nor shown. Redirects, clients, messages and events share one list
// of names.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { HttpClient } from '@socketsecurity/registry/lib/http-client'
import {
  enrichErrorMessage,
  fetchChecksumFile,
  httpDownload,
  httpJson,
  httpRequest,
} from '@socketsecurity/registry/lib/http-request'
import {
  isSensitiveHeaderName,
  sanitizeHeaders,
} from '@socketsecurity/registry/lib/http-request/headers'
import { redirectTo, startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const SECRET = 's3cret'
const SECRET_NAMES = [
  'npm-otp',
  'x-accesskey',
  'x-privatekey',
  'dpop',
  'x-pwd',
  'x-passphrase',
  'x-hmac',
  'x-code-verifier',
  'private-token',
  'x-sessionid',
  'x-sid',
  'samlresponse',
  'x-client-assertion',
]
const ORDINARY_NAMES = [
  'x-status-code',
  'x-country-code',
  'x-keyboard',
  'x-author',
  'x-tokenizer',
  'x-design',
  'x-signal',
  'idempotency-key',
]
const fields = Object.fromEntries([...SECRET_NAMES, ...ORDINARY_NAMES].map((name) => [name, 'v']))

/** Queries with a secret in them, in the ways in which servers find it. */
const SECRET_QUERIES = [
  `token=${SECRET}`,
  `a=1;token=${SECRET}`,
  `a=1%26token=${SECRET}`,
  `a%3D1%26token%3D${SECRET}`,
  `%74oken=${SECRET}`,
  `%2574oken=${SECRET}`,
  `pwd=${SECRET}`,
  `passphrase=${SECRET}`,
  `code=${SECRET}`,
  `code_verifier=${SECRET}`,
  `hmac=${SECRET}`,
  `otp=${SECRET}`,
  `privatekey=${SECRET}`,
  `SAMLResponse=${SECRET}`,
  `sid=${SECRET}`,
  `connect.sid=${SECRET}`,
  `next=${encodeURIComponent(`https://b.test/?accessToken=${SECRET}`)}`,
  `next=${encodeURIComponent(`https://user:${SECRET}@b.test/`)}`,
  `q=${encodeURIComponent(JSON.stringify({ apiKey: SECRET }))}`,
]

test('a redirect to another origin, and a client whose base is elsewhere, keep secrets back', async (t) => {
  const other = await startOrigin(t)
  const origin = await startOrigin(t, redirectTo(`${other.url}/x`, 307))
  await httpRequest(origin.url, { headers: fields })
  const client = new HttpClient({ baseUrl: origin.url, headers: fields })
  await client.request(other.url)
  assert.equal(other.requests.length, 2)
  for (const { headers } of other.requests) {
    for (const name of SECRET_NAMES) assert.equal(headers[name], undefined, name)
    for (const name of ORDINARY_NAMES) assert.equal(headers[name], 'v', name)
  }
})

test('a redirect within the origin sends them', async (t) => {
  const origin = await startOrigin(t, [redirectTo('/y'), {}])
  await httpRequest(origin.url, { headers: fields })
  for (const name of Object.keys(fields)) {
    assert.equal(origin.requests[1].headers[name], 'v', name)
  }
})

test('sanitized headers hide every name that a redirect drops', () => {
  for (const name of SECRET_NAMES) assert.equal(isSensitiveHeaderName(name), true, name)
  const sanitized = sanitizeHeaders({ accept: 'a', ...fields })
  for (const name of SECRET_NAMES) assert.equal(sanitized[name], '[REDACTED]', name)
  assert.equal(sanitized.accept, 'a')
  assert.equal(sanitized['x-status-code'], 'v')
})

test('neither messages nor properties nor events show what a query holds', async (t) => {
  const origin = await startOrigin(t, { status: 404 })
  for (const query of SECRET_QUERIES) {
    const url = `${origin.url}/a;token=${SECRET}/b?${query}&page=2`
    const seen = []
    const hooks = {
      onRequest: (event) => seen.push(event),
      onResponse: (event) => seen.push(event),
    }
    seen.push(
      await rejection(httpJson(url, { hooks })),
      await rejection(fetchChecksumFile(url)),
      await rejection(httpDownload(url, join(temporaryDirectory(t), 'file'))),
      await rejection(httpRequest(url.replace(`${origin.port}`, '1'))),
      enrichErrorMessage(url, 'GET', undefined),
    )
    assert.ok(origin.requests.at(-1).path.includes(SECRET), 'the server is still told')
    assert.equal(seen.length, 7)
    for (const each of seen) {
      const text = inspect(each, { depth: 5 })
      assert.ok(!text.includes(SECRET), `${query}\n${text}`)
    }
  }
})

test('lock files and records have none of it', async (t) => {
  const directory = temporaryDirectory(t)
  const origin = await startOrigin(t, (_, response) => {
    response.writeHead(200, { 'Content-Length': 10, ETag: '"a"' }).write('12345')
    setTimeout(() => response.destroy(), 100)
  })
  const { downloadWithLock } = await import('@socketsecurity/registry/lib/download-lock')
  for (const [index, query] of SECRET_QUERIES.entries()) {
    const destination = join(directory, `file-${index}`)
    const ending = rejection(downloadWithLock(`${origin.url}/?${query}`, destination))
    const look = () => {
      for (const name of readdirSync(directory, { recursive: true, withFileTypes: true })) {
        if (!name.isFile()) continue
        let text = ''
        try {
          text = readFileSync(join(name.parentPath ?? name.path, name.name), 'latin1')
        } catch {
          continue // It went in between.
        }
        assert.ok(!text.includes(SECRET), `${query}: ${name.name}\n${text}`)
      }
    }
    const looking = setInterval(look, 20)
    const error = await ending
    clearInterval(looking)
    look()
    assert.doesNotMatch(inspect(error), new RegExp(SECRET))
  }
})

test('a URL that cannot be parsed is shown without what may be a password', async () => {
  for (const url of [
    `https://user:${SECRET}@ho st/`,
    `https://user:${SECRET}`,
    `https://user:${SECRET}/x`,
    `https://user:${SECRET}%40host/`,
    `https://user:a#${SECRET}@host/`,
    `https://user:a?${SECRET}@host/`,
    `user:${SECRET}@host`,
    `user:${SECRET}`,
    `//user:${SECRET}@host`,
    `ftp://user:${SECRET}@host/`,
    `https:user:${SECRET}@[`,
    `http://[::1/;token=${SECRET}`,
  ]) {
    const client = new HttpClient({ baseUrl: 'https://a.test/v0/' })
    const texts = [
      inspect(await rejection(httpRequest(url))),
      inspect(await rejection(client.request(`/../https://user:${SECRET}@host/`))),
      enrichErrorMessage(url, 'GET', undefined),
    ]
    for (const make of [
      () => new HttpClient({ baseUrl: url }),
      () => new HttpClient({ proxy: `gopher://bad ${url}` }),
    ]) {
      try {
        make()
        assert.fail(`${url} was taken`)
      } catch (error) {
        texts.push(inspect(error))
      }
    }
    for (const text of texts) assert.ok(!text.includes(SECRET), `${url}\n${text}`)
  }
})

test('a redirect that is refused does not show the secrets of its Location', async (t) => {
  for (const location of [
    `ftp://user:${SECRET}@host/?token=${SECRET}`,
    `mailto:user:${SECRET}@host`,
    `javascript:token=${SECRET}`,
    `http://user:${SECRET}@[`,
  ]) {
    const origin = await startOrigin(t, redirectTo(location))
    const error = await rejection(httpRequest(origin.url))
    assert.equal(error.code, 'ERR_REDIRECT_REFUSED')
    assert.ok(!inspect(error).includes(SECRET), inspect(error))
  }
})

test('a field that is written into its name is not shown', async () => {
  for (const name of [`Authorization: Bearer ${SECRET}`, `X-Key=${SECRET}`, `Basic ${SECRET}`]) {
    for (const value of ['', 'v', 5]) {
      const error = await rejection(
        httpRequest('http://127.0.0.1:1/', { headers: { [name]: value } }),
      )
      assert.equal(error.name, 'TypeError')
      assert.ok(!error.message.includes(SECRET), error.message)
    }
  }
})
