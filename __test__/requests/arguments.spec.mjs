import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  httpDownload,
  httpGetJson,
  httpGetText,
  httpRequest,
} from '@socketsecurity/registry/lib/http-request'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const TYPE = 'ERR_INVALID_ARG_TYPE'
const VALUE = 'ERR_INVALID_ARG_VALUE'
const URL_CODE = 'ERR_INVALID_URL'

/** Each function as one of a URL and options. */
const functions = {
  httpRequest,
  httpGetJson,
  httpGetText,
  httpDownload: (url, options, destination) => httpDownload(url, destination, options),
}

/**
 * Calls with wrong arguments, which must neither throw at once nor touch the network or the disk.
 */
async function refused(t, call) {
  const origin = await startOrigin(t, { body: '{}' })
  const directory = temporaryDirectory(t)
  let promise
  assert.doesNotThrow(() => {
    promise = call(origin.url, join(directory, 'new', 'file'))
  })
  assert.ok(promise instanceof Promise)
  const error = await rejection(promise)
  assert.equal(origin.connections, 0, 'the server was reached')
  assert.deepEqual(readdirSync(directory), [], 'the disk was touched')
  return error
}

function assertRefusal(error, argument, ...allowed) {
  assert.ok(error instanceof TypeError, `${error} is no TypeError`)
  assert.ok(error.message.includes(argument), `'${error.message}' does not name ${argument}`)
  assert.ok(allowed.includes(error.code), `the code is ${error.code}`)
}

/** A value as it can stand in the name of a test. */
function shown(value) {
  if (typeof value === 'string') {
    return JSON.stringify(value)
  }
  if (typeof value === 'bigint') {
    return `${value}n`
  }
  return Object.is(value, null) || typeof value !== 'object' ? String(value) : JSON.stringify(value)
}

for (const [name, call] of Object.entries(functions)) {
  describe(name, () => {
    // WHATWG's URL takes them, RFC 3986 does not.
    for (const host of ['a"b', 'a{b', 'a`b']) {
      test(`does not try again for the host ${host}`, async (t) => {
        const destination = join(temporaryDirectory(t), 'file')
        const error = await rejection(call(`http://${host}/`, { retries: 2 }, destination))
        assertRefusal(error, host.slice(0, 1), URL_CODE)
        assert.equal(error.attempts, 1)
      })
    }

    for (const url of [undefined, null, 5, true, {}, Symbol('url'), () => {}]) {
      test(`refuses ${shown(url)} as a URL`, async (t) => {
        const error = await refused(t, (_, destination) => call(url, {}, destination))
        assertRefusal(error, 'url', TYPE)
      })
    }

    for (const url of ['', 'no url', '/relative', '//host/path', 'http://', 'http://[::1']) {
      test(`refuses the URL ${shown(url)}`, async (t) => {
        const error = await refused(t, (_, destination) => call(url, {}, destination))
        assert.ok(error instanceof TypeError)
        assert.equal(error.code, URL_CODE)
        assert.match(error.message, /url/i)
      })
    }

    for (const url of ['ftp://127.0.0.1/x', 'file:///etc/hosts', 'data:text/plain,x', 'ws://x/']) {
      test(`refuses the scheme of ${url}`, async (t) => {
        const error = await refused(t, (_, destination) => call(url, {}, destination))
        assert.ok(error instanceof TypeError)
        assert.ok([URL_CODE, VALUE].includes(error.code), `the code is ${error.code}`)
      })
    }

    for (const tail of ['/a\r\nX-Injected: yes', '/a\nb', '/a\rb', '/a\0b', '\r\n/']) {
      test(`refuses a URL with ${shown(tail)}`, async (t) => {
        const error = await refused(t, (url, destination) => call(url + tail, {}, destination))
        assert.ok(error instanceof TypeError)
        assert.ok([URL_CODE, VALUE].includes(error.code), `the code is ${error.code}`)
      })
    }

    for (const options of ['options', 5, true, Symbol('options'), 5n]) {
      test(`refuses ${shown(options)} as options`, async (t) => {
        const error = await refused(t, (url, destination) => call(url, options, destination))
        assertRefusal(error, 'options', TYPE)
      })
    }

    test('accepts options of null', async (t) => {
      const origin = await startOrigin(t, { body: '{}' })
      await call(origin.url, null, join(temporaryDirectory(t), 'file'))
      assert.equal(origin.requests.length, 1)
    })

    for (const [option, value, code] of [
      ['headers', 'X-A: b', TYPE],
      ['headers', 5, TYPE],
      ['headers', { 'X-A': [[]] }, TYPE],
      ['headers', { 'X-A': null }, TYPE],
      ['headers', { 'X-A': {} }, TYPE],
      ['headers', { 'X-A': 'a\r\nX-Injected: yes' }, VALUE],
      ['headers', { 'X-A': 'a\nb' }, VALUE],
      ['headers', { 'X-A': 'a\rb' }, VALUE],
      ['headers', { 'X-A': 'a\0b' }, VALUE],
      ['headers', { 'X-A\r\nX-Injected': 'yes' }, VALUE],
      ['headers', { 'X-A\0': 'b' }, VALUE],
      ['headers', { 'X A': 'b' }, VALUE],
      ['headers', { 'X-A:': 'b' }, VALUE],
      ['headers', { 'X-Ä': 'b' }, VALUE],
      ['headers', { '': 'b' }, VALUE],
      ['retries', '3', TYPE],
      ['retries', true, TYPE],
      ['retries', 3n, TYPE],
      ['retries', Number.NaN, VALUE],
      ['retries', -1, VALUE],
      ['retries', 1.5, VALUE],
      ['retryDelay', '10', TYPE],
      ['retryDelay', {}, TYPE],
      ['retryDelay', Number.NaN, VALUE],
      ['retryDelay', -1, VALUE],
      ['timeout', '1000', TYPE],
      ['timeout', [], TYPE],
      ['timeout', Number.NaN, VALUE],
      ['timeout', -1, VALUE],
      ['timeout', Number.NEGATIVE_INFINITY, VALUE],
    ]) {
      test(`refuses ${shown(value)} for ${option}`, async (t) => {
        const options = { [option]: value }
        const error = await refused(t, (url, destination) => call(url, options, destination))
        assertRefusal(error, option, code)
      })
    }

    test('rejects with what a getter of the options throws', async (t) => {
      const thrown = new Error('from the getter')
      const options = {
        get timeout() {
          throw thrown
        },
      }
      const error = await refused(t, (url, destination) => call(url, options, destination))
      assert.equal(error, thrown)
    })

    test('rejects without any arguments', async () => {
      let promise
      assert.doesNotThrow(() => {
        promise = name === 'httpDownload' ? httpDownload() : call()
      })
      assertRefusal(await rejection(promise), 'url', TYPE)
    })
  })
}

describe('the options of a request', () => {
  for (const [option, value, code] of [
    ['method', 5, TYPE],
    ['method', {}, TYPE],
    ['method', '', VALUE],
    ['method', 'GE T', VALUE],
    ['method', 'GET\r\nX-Injected: yes', VALUE],
    ['method', 'GET\n', VALUE],
    ['method', 'GET\0', VALUE],
    ['method', 'GÉT', VALUE],
    ['body', 5, TYPE],
    ['body', true, TYPE],
    ['body', {}, TYPE],
    ['body', ['a'], TYPE],
    ['body', Symbol('body'), TYPE],
    ['followRedirects', 'no', TYPE],
    ['followRedirects', 1, TYPE],
    ['maxRedirects', '5', TYPE],
    ['maxRedirects', false, TYPE],
    ['maxRedirects', Number.NaN, VALUE],
    ['maxRedirects', -1, VALUE],
    ['maxRedirects', 0.5, VALUE],
  ]) {
    test(`${option} may not be ${shown(value)}`, async (t) => {
      const error = await refused(t, (url) => httpRequest(url, { [option]: value }))
      assertRefusal(error, option, code)
    })
  }

  test('one wrong option leaves the next call in good order', async (t) => {
    const origin = await startOrigin(t, { body: 'good' })
    await rejection(httpRequest(origin.url, { retries: -1 }))
    assert.equal((await httpRequest(origin.url)).text(), 'good')
  })

  test('numbers beyond every use do no harm', async (t) => {
    const origin = await startOrigin(t, { body: 'good' })
    const most = Number.MAX_SAFE_INTEGER
    const response = await httpRequest(origin.url, {
      retries: most,
      retryDelay: Number.MAX_VALUE,
      maxRedirects: most,
    })
    assert.equal(response.text(), 'good')
  })
})

describe('the arguments of a download', () => {
  for (const destination of [undefined, null, 5, {}, true, Symbol('path')]) {
    test(`destPath may not be ${shown(destination)}`, async (t) => {
      const error = await refused(t, (url) => httpDownload(url, destination))
      assertRefusal(error, 'destPath', TYPE)
    })
  }

  for (const destination of ['', 'a\0b']) {
    test(`destPath may not be ${shown(destination)}`, async (t) => {
      const error = await refused(t, (url) => httpDownload(url, destination))
      assertRefusal(error, 'destPath', VALUE)
      assert.ok(!existsSync('a'))
    })
  }

  test('createWriteStream is refused, not ignored', async (t) => {
    const error = await refused(t, (url, destination) =>
      httpDownload(url, destination, { createWriteStream: () => {} }),
    )
    assertRefusal(error, 'createWriteStream', VALUE)
  })

  for (const onProgress of ['log', 5, {}, true]) {
    test(`onProgress may not be ${shown(onProgress)}`, async (t) => {
      const error = await refused(t, (url, destination) =>
        httpDownload(url, destination, { onProgress }),
      )
      assertRefusal(error, 'onProgress', TYPE)
    })
  }
})
