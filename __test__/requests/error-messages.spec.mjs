import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import { enrichErrorMessage } from '@socketsecurity/registry/lib/http-request/errors'
import { unusedUrl } from '../helpers/origins/raw-origin.mjs'
import { rejection } from '../helpers/support.mjs'

const URL_TEXT = 'https://api.example.com/items?page=2'

function withCode(code) {
  return Object.assign(new Error('as the system says it'), { code })
}

test('a message begins with the method and the URL', () => {
  const message = enrichErrorMessage(URL_TEXT, 'POST', new Error('no code'))
  assert.equal(message, `POST request failed: ${URL_TEXT}`)
})

for (const [code, line, hint] of [
  ['ECONNREFUSED', 'Connection refused', /server is down, or a firewall/],
  ['ENOTFOUND', 'DNS lookup failed', /internet connection and the DNS/],
  ['EAI_AGAIN', 'DNS lookup failed', /internet connection and the DNS/],
  ['ETIMEDOUT', 'Connection timed out', /internet connection, or allow more time/],
  ['ERR_TIMEOUT', 'Connection timed out', /internet connection, or allow more time/],
  ['ECONNRESET', 'Connection reset', /server reset it.*Try again/],
  ['EPIPE', 'Broken pipe', /Try again/],
  ['CERT_HAS_EXPIRED', 'SSL/TLS certificate error', /system time and the certificates/],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'SSL/TLS certificate error', /system time/],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'SSL/TLS certificate error', /system time/],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SSL/TLS certificate error', /system time/],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'SSL/TLS certificate error', /system time/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'SSL/TLS certificate error', /system time/],
  ['EPROTO', 'Error code: EPROTO'],
  ['ERR_SOMETHING_ELSE', 'Error code: ERR_SOMETHING_ELSE'],
]) {
  test(`${code} is explained as "${line}"${hint ? ', with what helps' : ''}`, () => {
    const [first, second, ...more] = enrichErrorMessage(URL_TEXT, 'GET', withCode(code)).split('\n')
    assert.equal(first, `GET request failed: ${URL_TEXT}`)
    assert.ok(second.includes(line), second)
    assert.equal(more.length, hint ? 1 : 0)
    if (hint) assert.match(more[0], hint)
  })
}

test('errors of this package are explained, too', async () => {
  const url = await unusedUrl()
  const message = enrichErrorMessage(url, 'GET', await rejection(httpRequest(url)))
  assert.match(message, /^GET request failed: http:\/\/127\.0\.0\.1:\d+\n.*Connection refused/)
})

test('the code of a cause is found, where fetch hides it', () => {
  const error = new TypeError('fetch failed', { cause: withCode('ECONNREFUSED') })
  assert.match(enrichErrorMessage(URL_TEXT, 'GET', error), /Connection refused/)
})

test('a cause of itself does no harm', () => {
  const error = new Error('round')
  error.cause = error
  assert.equal(enrichErrorMessage(URL_TEXT, 'GET', error), `GET request failed: ${URL_TEXT}`)
})

test('anything may have been thrown', () => {
  for (const error of [
    undefined,
    null,
    'text',
    5,
    Symbol('a'),
    {},
    { code: 5 },
    { code: '' },
    [],
  ]) {
    const message = enrichErrorMessage(URL_TEXT, 'GET', error)
    assert.equal(message, `GET request failed: ${URL_TEXT}`)
  }
})

test('the URL may be an object', () => {
  const message = enrichErrorMessage(new URL(URL_TEXT), 'GET', undefined)
  assert.equal(message, `GET request failed: ${URL_TEXT}`)
})

test('secrets of the URL are removed, also where it cannot be parsed', () => {
  for (const url of [
    'https://user:geheim@example.com/a',
    'https://geheim@example.com/a',
    'https://example.com/a?token=geheim',
    'https://example.com/a#geheim',
    'user:geheim@example.com/a',
    '//user:geheim@example.com/a',
    'http://user:geheim@[broken/a',
    '/a?api-key=geheim',
    '/a#geheim',
  ]) {
    for (const given of URL.canParse(url) ? [url, new URL(url)] : [url]) {
      const message = enrichErrorMessage(given, 'GET', withCode('EPIPE'))
      assert.doesNotMatch(message, /geheim/)
      assert.match(message, /^GET request failed: .*\/a/)
    }
  }
})

test('a URL cannot add lines', () => {
  for (const url of ['https://example.com/\r\nERROR: a', '/\r\nERROR: a']) {
    const message = enrichErrorMessage(url, 'GET', undefined)
    assert.doesNotMatch(message, /[\r\n]/)
  }
})

test('a method is written in capitals, and GET when it is not given', () => {
  assert.match(enrichErrorMessage(URL_TEXT, 'delete', undefined), /^DELETE request failed/)
  assert.match(enrichErrorMessage(URL_TEXT, undefined, undefined), /^GET request failed/)
})

test('a wrong url or method is named', () => {
  for (const [args, name] of [
    [[undefined, 'GET'], 'url'],
    [[5, 'GET'], 'url'],
    [[{}, 'GET'], 'url'],
    [[URL_TEXT, 5], 'method'],
    [[URL_TEXT, {}], 'method'],
  ]) {
    assert.throws(() => enrichErrorMessage(...args), {
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: new RegExp(`"${name}"`),
    })
  }
})
