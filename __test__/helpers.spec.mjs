// The functions around requests that need no network: checksum files, headers, user agents, messages,
// and answers of Node's own client.

import assert from 'node:assert/strict'
import { createServer, get } from 'node:http'
import { describe, test } from 'node:test'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import {
  fetchChecksumFile,
  parseChecksumFile,
} from '@socketsecurity/registry/lib/http-request/checksum-file'
import { enrichErrorMessage } from '@socketsecurity/registry/lib/http-request/errors'
import {
  basicAuthHeader,
  isSensitiveHeaderName,
  parseRetryAfterHeader,
  sanitizeHeaders,
} from '@socketsecurity/registry/lib/http-request/headers'
import {
  decodeBody,
  readIncomingResponse,
} from '@socketsecurity/registry/lib/http-request/response-reader'
import {
  buildUserAgent,
  chainUserAgents,
  getSocketCallerUserAgent,
  sanitizeUserAgent,
} from '@socketsecurity/registry/lib/http-request/user-agent'
import './origins/no-proxy.mjs'
import { rejection } from './support.mjs'

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const EMPTY_SRI = 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
const TYPE_ERROR = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }

async function serve(t, listener) {
  const server = createServer(listener)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${server.address().port}`
}

describe('checksum files', () => {
  test('both forms are read, anything else is skipped', () => {
    const text = `# sums\r\n${EMPTY}  a.tgz\r\n${EMPTY.toUpperCase()} *b c\n\nnonsense\nSHA256 (d) = ${EMPTY}\n`
    const sums = parseChecksumFile(text)
    assert.deepEqual({ ...sums }, { 'a.tgz': EMPTY_SRI, 'b c': EMPTY_SRI, d: EMPTY_SRI })
    assert.equal(Object.getPrototypeOf(sums), null)
  })

  test('a file may have the name of a property of objects', () => {
    const sums = parseChecksumFile(`${EMPTY}  __proto__\n${EMPTY}  toString`)
    assert.deepEqual(Object.keys(sums), ['__proto__', 'toString'])
    assert.equal(Object.entries(sums)[0][1], EMPTY_SRI)
  })

  test('a text is required', () => assert.throws(() => parseChecksumFile(1), TYPE_ERROR))

  test('they are fetched, with the options of a request', async (t) => {
    const origin = await serve(t, (request, response) =>
      request.headers.token === 'x'
        ? response.end(`${EMPTY}  a`)
        : response.writeHead(403).end('no'),
    )
    const sums = await fetchChecksumFile(origin, { headers: { token: 'x' } })
    assert.deepEqual({ ...sums }, { a: EMPTY_SRI })
    const error = await rejection(fetchChecksumFile(`${origin}/?api_key=secret`))
    assert.match(error.message, /^Failed to fetch checksums from http:\S+: 403 Forbidden$/)
    assert.doesNotMatch(error.message, /secret/)
    assert.deepEqual([error.code, error.status], ['ERR_HTTP_STATUS', 403])
  })
})

describe('headers', () => {
  test('Retry-After is whole seconds, or a date to come', () => {
    assert.equal(parseRetryAfterHeader('2'), 2000)
    assert.equal(parseRetryAfterHeader(['3', '4']), 3000)
    const soon = parseRetryAfterHeader(new Date(Date.now() + 60_000).toUTCString())
    assert.ok(soon > 50_000 && soon <= 60_000, `${soon}`)
    const past = new Date(Date.now() - 60_000).toUTCString()
    for (const none of [undefined, null, '', '-1', '1.5', 'soon', past, [], 5]) {
      assert.equal(parseRetryAfterHeader(none), undefined, String(none))
    }
  })

  test('secrets are hidden by the name of the field', () => {
    const headers = {
      Authorization: 'Bearer x',
      'Set-Cookie': ['a', 'b'],
      'X-Api-Key': 'x',
      Accept: ['a', null, 'b'],
      Age: 5,
      Gone: undefined,
      Null: null,
    }
    const sanitized = sanitizeHeaders(headers)
    assert.equal(Object.getPrototypeOf(sanitized), null)
    const REDACTED = '[REDACTED]'
    const expected = { Authorization: REDACTED, 'Set-Cookie': REDACTED, 'X-Api-Key': REDACTED }
    assert.deepEqual({ ...sanitized }, { ...expected, Accept: 'a, b', Age: '5' })
    assert.deepEqual({ ...sanitizeHeaders(undefined) }, {})
    assert.throws(() => sanitizeHeaders('x'), TYPE_ERROR)
    for (const name of ['cookie', 'X-Auth-Y', 'my-SECRET', 'credentials', 'password', 'token']) {
      assert.equal(isSensitiveHeaderName(name), true, name)
    }
    assert.equal(isSensitiveHeaderName('content-type'), false)
  })

  test('a token is a user without a password', () => {
    assert.equal(basicAuthHeader('tökén'), `Basic ${Buffer.from('tökén:').toString('base64')}`)
    assert.throws(() => basicAuthHeader(undefined), TYPE_ERROR)
  })
})

describe('user agents', () => {
  test('a program says what it is and what it runs on', () => {
    const own = `socketsecurity-cli/1.2.3 node/${process.version} ${process.platform}/${process.arch}`
    assert.equal(buildUserAgent({ name: '@socketsecurity/cli', version: '1.2.3' }), own)
    const program = { name: '@socketsecurity/cli', version: '1.2.3' }
    assert.equal(buildUserAgent(program, 'ci/1\r\nEvil: x'), `${own} ci/1 Evil: x`)
    assert.throws(() => buildUserAgent({ name: 1, version: '1' }), TYPE_ERROR)
  })

  test('chains name each hop once', () => {
    assert.equal(chainUserAgents('a/1', 'b/2', undefined, '', 'a/1'), 'a/1 b/2')
    assert.equal(chainUserAgents(), '')
    assert.equal(sanitizeUserAgent(`${'x'.repeat(300)}`).length, 256)
  })

  test('the caller is who the environment says', (t) => {
    t.after(() => delete process.env.SOCKET_CALLER_USER_AGENT)
    assert.equal(getSocketCallerUserAgent(), undefined)
    process.env.SOCKET_CALLER_USER_AGENT = ' ci/1\t'
    assert.equal(getSocketCallerUserAgent(), 'ci/1')
  })
})

describe('messages', () => {
  for (const [code, phrase] of [
    ['ECONNREFUSED', 'Connection refused'],
    ['ENOTFOUND', 'DNS lookup failed'],
    ['ETIMEDOUT', 'Connection timed out'],
    ['ECONNRESET', 'Connection reset'],
    ['EPIPE', 'Broken pipe'],
    ['CERT_HAS_EXPIRED', 'SSL/TLS certificate error'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SSL/TLS certificate error'],
    ['EODD', 'Error code: EODD'],
  ]) {
    test(`${code} is explained`, () => {
      const error = Object.assign(new Error('x'), { code })
      const message = enrichErrorMessage('http://u:secret@host/a', 'GET', error)
      assert.match(message, /^GET request failed: http:\/\/host\/a\n/)
      assert.ok(message.includes(phrase) && !message.includes('secret'), message)
    })
  }

  test('an error without a code leaves the first line', () => {
    assert.equal(
      enrichErrorMessage('http://h/', 'PUT', new Error('x')),
      'PUT request failed: http://h/',
    )
  })
})

describe("answers of Node's own client", () => {
  const answer = (url) => new Promise((resolve, reject) => get(url, resolve).on('error', reject))

  test('are read and decoded', async (t) => {
    const origin = await serve(t, (request, response) => {
      const compress = { '/gzip': gzipSync, '/br': brotliCompressSync }[request.url]
      const coding = request.url.slice(1)
      response.writeHead(201, { 'Content-Encoding': coding }).end(compress('{"a":1}'))
    })
    for (const coding of ['gzip', 'br']) {
      const response = await readIncomingResponse(await answer(`${origin}/${coding}`))
      assert.deepEqual([response.ok, response.status, response.statusText], [true, 201, 'Created'])
      assert.deepEqual(response.json(), { a: 1 })
      assert.equal(response.text(), '{"a":1}')
      assert.equal(response.headers['content-encoding'], coding)
      assert.ok(Buffer.isBuffer(response.body) && response.arrayBuffer() instanceof ArrayBuffer)
    }
  })

  test('may lack a status', async () => {
    const response = await readIncomingResponse((async function* () {})())
    assert.deepEqual([response.ok, response.status, response.statusText], [false, 0, ''])
  })

  test('that are broken reject', async () => {
    assert.equal((await rejection(decodeBody(Buffer.from('no'), 'gzip'))).code, 'ERR_DECODE')
    assert.equal((await rejection(decodeBody('text', 'gzip'))).code, 'ERR_INVALID_ARG_TYPE')
    assert.equal((await decodeBody(Buffer.from('as it is'), 'odd')).toString(), 'as it is')
    assert.equal((await decodeBody(gzipSync(brotliCompressSync('x')), 'br, gzip')).toString(), 'x')
  })
})
