// Values that `headers` accepts: a record, or any iterable of names and values.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { HttpClient } from '@socketsecurity/registry/lib/http-client'
import { httpDownload, httpRequest } from '@socketsecurity/registry/lib/http-request'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

/** The values that the server received, in order. */
async function sent(t, headers, name = 'x-a') {
  const origin = await startOrigin(t)
  await httpRequest(origin.url, { headers })
  return origin.requests[0].distinct[name]
}

async function* asynchronous() {
  yield ['X-A', '1']
}

describe('headers are sent', () => {
  const pair = ['X-A', '1']
  for (const [what, headers] of [
    ['a record', { 'X-A': '1' }],
    ['a record without a prototype', { __proto__: null, 'X-A': '1' }],
    ['a record of another realm', runInNewContext("({ 'X-A': '1' })")],
    ['an object of a class, with own properties', Object.assign(new (class {})(), { 'X-A': '1' })],
    ['Headers', new Headers({ 'X-A': '1' })],
    ['Headers of a Request', new Request('http://localhost', { headers: { 'X-A': '1' } }).headers],
    ['a Map', new Map([pair])],
    ['a Map of another realm', runInNewContext("new Map([['X-A', '1']])")],
    ['an array of pairs', [pair]],
    ['a Set of pairs', new Set([pair])],
    ['the entries of a record', Object.entries({ 'X-A': '1' })],
    ['an iterator', [pair].values()],
    ['pairs that are iterable, but no arrays', [new Set(pair)]],
  ]) {
    test(`that are ${what}`, async (t) => {
      assert.deepEqual(await sent(t, headers), ['1'])
    })
  }

  for (const [what, value, expected] of [
    ['a number', 42.5, ['42.5']],
    ['zero', 0, ['0']],
    ['true', true, ['true']],
    ['false', false, ['false']],
    ['an empty string', '', ['']],
    ['an array', ['a', 1, false, 'b'], ['a', '1', 'false', 'b']],
    ['undefined', undefined, undefined],
    ['an empty array', [], undefined],
    ['an array with undefined', [undefined, 'a'], ['a']],
  ]) {
    test(`whose value is ${what}`, async (t) => {
      assert.deepEqual(await sent(t, { 'X-A': value }), expected)
      assert.deepEqual(await sent(t, [['X-A', value]]), expected)
    })
  }

  test('of a record under the last spelling of a name', async (t) => {
    assert.deepEqual(await sent(t, { 'X-A': '1', 'x-a': '2', 'X-a': '3' }), ['3'])
    assert.deepEqual(await sent(t, { 'X-A': ['1', '2'], 'x-a': '3' }), ['3'])
    assert.deepEqual(await sent(t, { 'x-a': '1', 'X-A': ['2', '3'] }), ['2', '3'])
    assert.deepEqual(await sent(t, { 'X-A': '1', 'x-a': undefined }), ['1'])
  })

  test('of pairs as often as they are there', async (t) => {
    const pairs = [
      ['X-A', '1'],
      ['x-a', '2'],
    ]
    assert.deepEqual(await sent(t, pairs), ['1', '2'])
    const headers = new Headers(pairs)
    headers.append('set-cookie', 'a=1')
    headers.append('set-cookie', 'b=2')
    assert.deepEqual(await sent(t, headers), ['1, 2'])
    assert.deepEqual(await sent(t, headers, 'set-cookie'), ['a=1', 'b=2'])
  })

  test('by downloads and clients as well', async (t) => {
    const origin = await startOrigin(t)
    const headers = new Headers({ 'X-A': '1' })
    await httpDownload(origin.url, join(temporaryDirectory(t), 'file'), { headers })
    const client = new HttpClient({ baseUrl: origin.url, headers: new Map([['X-A', 1]]) })
    await client.request('/')
    await client.request('/', { headers: [['x-a', 2]] })
    assert.deepEqual(
      origin.requests.map(({ headers }) => headers['x-a']),
      ['1', '1', '2'],
    )
  })
})

describe('headers that are empty send nothing', () => {
  for (const [what, headers] of [
    ['a record', {}],
    ['a record without a prototype', Object.create(null)],
    ['a record of another realm', runInNewContext('({})')],
    ['Headers', new Headers()],
    ['a Map', new Map()],
    ['an array', []],
  ]) {
    test(`as ${what}`, async (t) => {
      assert.equal(await sent(t, headers), undefined)
    })
  }
})

describe('what cannot be read as headers is refused, never silently nothing', () => {
  for (const [what, headers] of [
    ['a promise', Promise.resolve({ 'X-A': '1' })],
    ['a Date', new Date()],
    ['a WeakMap', new WeakMap()],
    ['an object that inherits its fields', Object.create({ 'X-A': '1' })],
    ['an async generator', asynchronous()],
    ['names and values in turn', ['X-A', '1']],
    ['pairs of three', [['X-A', '1', '2']]],
    ['pairs of one', [['X-A']]],
    ['a Set of names', new Set(['ab'])],
    ['strings of two characters', ['ab']],
    ['null among pairs', [null]],
    ['a name that is no string', [[1, 'a']]],
    ['a name that is a symbol', [[Symbol('X-A'), 'a']]],
    ['null', null],
    ['a function', () => ({})],
    ['a value that is null', { 'X-A': null }],
    ['a value that is an object', { 'X-A': {} }],
    ['a value that is a bigint', { 'X-A': 1n }],
    ['a value that is a symbol', { 'X-A': Symbol('a') }],
    ['a value that is a Date', { 'X-A': new Date() }],
    ['an array in an array', { 'X-A': [['a']] }],
    ['an array with null', { 'X-A': ['a', null] }],
  ]) {
    test(`such as ${what}`, async (t) => {
      const origin = await startOrigin(t)
      const error = await rejection(httpRequest(origin.url, { headers }))
      assert.ok(error instanceof TypeError, `${error}`)
      assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
      assert.match(error.message, /^The argument "options\.headers/)
      assert.equal(origin.connections, 0)
    })
  }

  test('and an iterator that throws rejects with what it threw', async (t) => {
    const origin = await startOrigin(t)
    const thrown = new Error('from the iterator')
    const headers = {
      [Symbol.iterator]() {
        throw thrown
      },
    }
    assert.equal(await rejection(httpRequest(origin.url, { headers })), thrown)
  })

  test('and a value that cannot be sent is named, not shown', async (t) => {
    const origin = await startOrigin(t)
    for (const headers of [{ 'X-A': ['a', 'secret\n'] }, new Map([['X-A', 'secret\0']])]) {
      const error = await rejection(httpRequest(origin.url, { headers }))
      assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
      assert.match(error.message, /X-A/)
      assert.doesNotMatch(error.message, /secret/)
    }
  })
})
