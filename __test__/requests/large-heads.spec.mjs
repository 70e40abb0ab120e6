// Heads of responses with many fields, or large ones. Those that are larger than anybody takes end
// in an error that says so, and take nothing else along.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import { PROTOCOLS, serve } from '../helpers/origins/listen.mjs'
import { cert } from '../helpers/origins/localhost-certificate.mjs'
import { startProxy } from '../helpers/origins/proxy-origin.mjs'
import { rejection, until } from '../helpers/support.mjs'

/** Node.js sends no head of HTTP/2 of this size unless told to. */
const anySize = (protocol) => (protocol === 'HTTP/2' ? { maxSendHeaderBlockLength: 64 << 20 } : {})

const options = { ca: cert, timeout: 10_000 }

/** So many fields, of so many bytes together. */
function fields(count, bytes) {
  const value = 'v'.repeat(Math.floor(bytes / count))
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, value]))
}

const GOOD = {
  '1,000 fields': [1000, 30_000],
  '256 KB': [100, 256 << 10],
  'one of 256 KB': [1, 256 << 10],
}
const BAD = { '30,000 fields': [30_000, 60_000], '1 MB': [100, 1 << 20], '8 MB': [8, 8 << 20] }

for (const protocol of PROTOCOLS) {
  describe(protocol, () => {
    for (const [what, [count, bytes]] of Object.entries(GOOD)) {
      test(`${what} arrive`, async (t) => {
        const respond = (_, response) => response.writeHead(200, fields(count, bytes)).end('ok')
        const { port, url } = await serve(t, protocol, respond, anySize(protocol))
        const proxy = await startProxy(t, { port })
        const ways = protocol === 'HTTP/1.1' ? [{}] : [{}, { proxy: `http://${proxy.host}` }]
        for (const way of ways) {
          const response = await httpRequest(url, { ...options, ...way })
          assert.equal(response.text(), 'ok')
          const names = Object.keys(response.headers).filter((name) => name.startsWith('x-'))
          assert.equal(names.length, count)
          assert.equal(response.headers['x-0'].length, Math.floor(bytes / count))
        }
      })
    }

    for (const [what, [count, bytes]] of Object.entries(BAD)) {
      test(`${what} are an error with a message of its own`, async (t) => {
        let asked = 0
        const respond = (_, response) => {
          asked += 1
          response.on('error', () => {})
          response.writeHead(200, fields(count, bytes)).end('ok')
        }
        const { url } = await serve(t, protocol, respond, anySize(protocol))
        const error = await rejection(httpRequest(url, { ...options, retries: 3, retryDelay: 1 }))
        assert.equal(error.code, 'EPROTO')
        assert.match(error.message, /head of the response/)
        assert.equal(error.retryable, false)
        assert.ok(asked <= 2, `${asked} requests`)
      })
    }
  })
}

describe('HTTP/2: beside a head that is too large', () => {
  // Neither gets a response before the large head is sent.
  async function share(t, bytes) {
    const waiting = []
    const { url } = await serve(
      t,
      'HTTP/2',
      (request, response) => {
        response.on('error', () => {})
        request.on('error', () => {})
        if (request.url === '/first') return response.end('ok')
        if (request.httpVersion === '1.1') {
          return response
            .writeHead(200, request.url === '/large' ? fields(100, bytes) : {})
            .end('ok')
        }
        if (request.url !== '/large') return waiting.push(response)
        response.writeHead(200, fields(100, bytes)).end('ok')
        setTimeout(() => {
          for (const other of waiting) if (!other.stream?.destroyed) other.end('ok')
        }, 100)
      },
      { allowHTTP1: true, ...anySize('HTTP/2') },
    )
    const ask = (path, more) => httpRequest(url + path, { ...options, ...more })
    await ask('first')
    const others = ['GET', 'PUT', 'POST'].map((method) => ask('other', { method }))
    await until(() => waiting.length === others.length, 'the others have arrived')
    return { large: ask('large'), others }
  }

  for (const [what, bytes] of [
    ['its stream ends alone', 450_000],
    ['its connection ends', 8 << 20],
  ]) {
    test(`when ${what}, idempotent requests succeed and a POST has a reason of its own`, async (t) => {
      const { large, others } = await share(t, bytes)
      const [error, get, put, post] = await Promise.allSettled([large, ...others])
      assert.equal(error.reason.code, 'EPROTO')
      assert.match(error.reason.message, /head of the response/)
      assert.equal(error.reason.retryable, false)
      assert.equal(get.value?.text(), 'ok', get.reason)
      assert.equal(put.value?.text(), 'ok', put.reason)
      if (post.status === 'fulfilled') assert.equal(post.value.text(), 'ok')
      else {
        assert.match(post.reason.message, /response to another request/)
        assert.equal(post.reason.retryable, true)
      }
    })
  }
})
