import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  basicAuthHeader,
  isSensitiveHeaderName,
  parseRetryAfterHeader,
  sanitizeHeaders,
} from '@socketsecurity/registry/lib/http-request/headers'

const WRONG_TYPE = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }
const REDACTED = '[REDACTED]'

describe('Retry-After', () => {
  test('in whole seconds is returned in milliseconds', () => {
    assert.equal(parseRetryAfterHeader('120'), 120_000)
    assert.equal(parseRetryAfterHeader('0'), 0)
    assert.equal(parseRetryAfterHeader(' 5 '), 5000)
    assert.equal(parseRetryAfterHeader('007'), 7000)
  })

  test('as a date in the future is returned as the time until then', () => {
    const wait = parseRetryAfterHeader(new Date(Date.now() + 60_000).toUTCString())
    assert.ok(Number.isInteger(wait))
    assert.ok(wait > 50_000 && wait <= 60_000, `${wait} ms`)
  })

  test('as a date in the past is undefined', () => {
    assert.equal(parseRetryAfterHeader('Wed, 21 Oct 2015 07:28:00 GMT'), undefined)
    assert.equal(parseRetryAfterHeader('Thu, 01 Jan 1970 00:00:00 GMT'), undefined)
  })

  test('of several values is the first', () => {
    assert.equal(parseRetryAfterHeader(['1', '2']), 1000)
    assert.equal(parseRetryAfterHeader(['soon', '2']), undefined)
    assert.equal(parseRetryAfterHeader([]), undefined)
    assert.equal(parseRetryAfterHeader([undefined]), undefined)
  })

  test('that is invalid is undefined', () => {
    const values = [
      '',
      ' ',
      '-1',
      '+1',
      '1.5',
      '1e3',
      '0x10',
      '5s',
      'soon',
      'Infinity',
      'NaN',
      '1, 2',
    ]
    for (const value of [undefined, null, ...values]) {
      assert.equal(parseRetryAfterHeader(value), undefined, String(value))
    }
    assert.equal(parseRetryAfterHeader(), undefined)
  })

  test('beyond all measure is a number that can be counted to', () => {
    for (const value of ['9'.repeat(15), '9'.repeat(19), '9'.repeat(5000)]) {
      const wait = parseRetryAfterHeader(value)
      assert.ok(Number.isSafeInteger(wait) && wait > 1e12, `${value.length} digits: ${wait}`)
    }
    const wait = parseRetryAfterHeader('Fri, 31 Dec 9999 23:59:59 GMT')
    assert.ok(Number.isSafeInteger(wait) && wait > 1e12)
  })

  test('must be a string or an array of strings', () => {
    for (const value of [5, true, {}, Symbol('value'), [5], [['1']], new Date()]) {
      assert.throws(() => parseRetryAfterHeader(value), { ...WRONG_TYPE, message: /"value"/ })
    }
  })
})

describe('sanitized headers', () => {
  test('hide what is secret and show the rest', () => {
    const headers = {
      Authorization: 'Bearer geheim',
      'X-Api-Key': 'geheim',
      'set-cookie': ['a=geheim', 'b=geheim'],
      'x-credential-id': 'geheim',
      'my-password': 'geheim',
      'client-secret': 'geheim',
      'x-csrf-token': 'geheim',
      Accept: 'text/html',
      'x-list': ['a', 'b'],
    }
    const sanitized = sanitizeHeaders(headers)
    assert.deepEqual(
      { ...sanitized },
      {
        Authorization: REDACTED,
        'X-Api-Key': REDACTED,
        'set-cookie': REDACTED,
        'x-credential-id': REDACTED,
        'my-password': REDACTED,
        'client-secret': REDACTED,
        'x-csrf-token': REDACTED,
        Accept: 'text/html',
        'x-list': 'a, b',
      },
    )
    assert.equal(headers.Authorization, 'Bearer geheim')
  })

  test('leave out null and undefined, in arrays too', () => {
    const sanitized = sanitizeHeaders({
      a: null,
      b: undefined,
      token: null,
      c: ['x', null, undefined, 'y'],
      d: [],
    })
    assert.deepEqual({ ...sanitized }, { c: 'x, y', d: '' })
  })

  test('are strings, whatever the values were', () => {
    const sanitized = sanitizeHeaders({
      length: 5,
      flag: false,
      big: 10n,
      mixed: [1, true],
      url: new URL('http://a.test/'),
      empty: '',
    })
    assert.deepEqual(
      { ...sanitized },
      { length: '5', flag: 'false', big: '10', mixed: '1, true', url: 'http://a.test/', empty: '' },
    )
  })

  test('of nothing are an empty object', () => {
    for (const nothing of [undefined, null, {}, Object.create(null)]) {
      const sanitized = sanitizeHeaders(nothing)
      assert.equal(Object.getPrototypeOf(sanitized), null)
      assert.deepEqual(Object.keys(sanitized), [])
    }
    assert.deepEqual(Object.keys(sanitizeHeaders()), [])
  })

  test('have no prototype that a name could reach', () => {
    const hostile = JSON.parse('{"__proto__": "a", "constructor": "b", "accept": "c"}')
    const sanitized = sanitizeHeaders(hostile)
    assert.equal(Object.getPrototypeOf(sanitized), null)
    assert.deepEqual(Object.entries(sanitized), [
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['accept', 'c'],
    ])
    assert.equal({}.a, undefined)
  })

  test('are those of the object itself, by name', () => {
    const headers = Object.create({ inherited: 'a' })
    headers.own = 'b'
    headers[Symbol('hidden')] = 'c'
    Object.defineProperty(headers, 'hidden', { value: 'd', enumerable: false })
    assert.deepEqual({ ...sanitizeHeaders(headers) }, { own: 'b' })
  })

  test('may come from Headers, a Map or a list of pairs', () => {
    const headers = new Headers([
      ['Accept', 'text/html'],
      ['X-Token', 'geheim'],
      ['X-List', 'a'],
      ['X-List', 'b'],
    ])
    const expected = { accept: 'text/html', 'x-list': 'a, b', 'x-token': REDACTED }
    assert.deepEqual({ ...sanitizeHeaders(headers) }, expected)
    assert.deepEqual(
      { ...sanitizeHeaders(new Map(Object.entries({ a: ['b', null] }))) },
      { a: 'b' },
    )
    const pairs = [
      ['a', '1'],
      ['token', 'geheim'],
      ['a', '2'],
      ['token', 'geheim'],
    ]
    assert.deepEqual({ ...sanitizeHeaders(pairs) }, { a: '1, 2', token: REDACTED })
  })

  test('may have names and values of any characters', () => {
    const headers = { 'a\0b': 'c\0d', ü: '\u{1f4e6}', '': 'empty' }
    assert.deepEqual({ ...sanitizeHeaders(headers) }, headers)
  })

  test('throw what a getter throws', () => {
    const thrown = new RangeError('mine')
    const headers = {
      get accept() {
        throw thrown
      },
    }
    assert.throws(
      () => sanitizeHeaders(headers),
      (error) => error === thrown,
    )
    const value = {
      toString() {
        throw thrown
      },
    }
    assert.throws(
      () => sanitizeHeaders({ value }),
      (error) => error === thrown,
    )
  })

  test('do not look into secret values', () => {
    const value = {
      toString() {
        throw new Error('looked')
      },
    }
    assert.equal(sanitizeHeaders({ token: value }).token, REDACTED)
    assert.equal(sanitizeHeaders({ token: Symbol('geheim') }).token, REDACTED)
  })

  test('must be an object, and values must be what a string can be made of', () => {
    for (const headers of ['a: b', 5, true, Symbol('headers'), () => {}, ['a', 'b'], [[1, 2]]]) {
      assert.throws(() => sanitizeHeaders(headers), { ...WRONG_TYPE, message: /"headers"/ })
    }
    for (const value of [Symbol('a'), () => {}, [Symbol('a')]]) {
      assert.throws(() => sanitizeHeaders({ accept: value }), {
        ...WRONG_TYPE,
        message: /headers\["accept"\]/,
      })
    }
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    assert.throws(() => sanitizeHeaders(proxy), TypeError)
  })
})

describe('the name of a header', () => {
  test('is sensitive when it contains a word such as token, in any case', () => {
    for (const name of [
      'Authorization',
      'COOKIE',
      'x-credential',
      'ApiKey',
      'Password',
      'secret',
      'tokenize',
    ]) {
      assert.equal(isSensitiveHeaderName(name), true, name)
    }
    for (const name of ['', 'accept', 'content-type', 'etag', '__proto__']) {
      assert.equal(isSensitiveHeaderName(name), false, name)
    }
  })

  test('must be a string', () => {
    for (const name of [undefined, null, 5, {}, ['token']]) {
      assert.throws(() => isSensitiveHeaderName(name), { ...WRONG_TYPE, message: /"name"/ })
    }
  })
})

describe('a Basic header', () => {
  test('has the token as user and no password', () => {
    for (const token of ['abc', '', 'a:b', 'größe \u{1f4e6}', 'line\r\nbreak']) {
      const expected = `Basic ${Buffer.from(`${token}:`).toString('base64')}`
      assert.equal(basicAuthHeader(token), expected)
    }
  })

  test('needs a string', () => {
    for (const token of [undefined, null, 5, {}, Buffer.from('abc')]) {
      assert.throws(() => basicAuthHeader(token), { ...WRONG_TYPE, message: /"token"/ })
    }
    assert.throws(() => basicAuthHeader(), WRONG_TYPE)
  })
})
