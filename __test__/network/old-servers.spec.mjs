// Servers that speak HTTP as it was: folded fields, bodies that end with their connection,
// HTTP/1.0.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createSecureContext, TLSSocket } from 'node:tls'
import { httpDownload, httpRequest } from '@socketsecurity/registry/lib/http-request'
import { listen } from '../helpers/origins/listen.mjs'
import { cert, key } from '../helpers/origins/localhost-certificate.mjs'
import { startProxy } from '../helpers/origins/proxy-origin.mjs'
import { raw } from '../helpers/origins/raw-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const secureContext = createSecureContext({ key, cert })

/** How a connection ends once all has been said. */
const ENDINGS = {
  // TLS's close_notify, and FIN.
  'an end': (socket) => socket.end(),
  // Only FIN.
  'no end of TLS': (socket, tcp) => setTimeout(() => tcp.destroy(), 50, socket),
}

/** A server that gives these bytes to every request, and ends the connection so. */
async function serve(t, secure, bytes, end = ENDINGS['an end']) {
  const server = createServer((tcp) => {
    const socket = secure ? new TLSSocket(tcp, { isServer: true, secureContext }) : tcp
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(bytes)
      end(socket, tcp)
    })
  })
  const port = await listen(t, server)
  return { port, url: `http${secure ? 's' : ''}://localhost:${port}/` }
}

const options = { ca: cert, timeout: 10_000 }

for (const secure of [false, true]) {
  describe(secure ? 'over TLS' : 'plain', () => {
    test('folded fields are fields', async (t) => {
      const fields = ['X-Folded: one', '  two', '\tthree', 'X-Other: four', 'Content-Length: 2']
      const { port, url } = await serve(t, secure, raw('HTTP/1.1 200 OK', fields, 'ok'))
      const proxy = await startProxy(t, { port })
      for (const way of secure ? [{}, { proxy: `http://${proxy.host}` }] : [{}]) {
        const response = await httpRequest(url, { ...options, ...way })
        assert.equal(response.headers['x-folded'].replace(/\s+/g, ' '), 'one two three')
        assert.doesNotMatch(response.headers['x-folded'], /[\r\n]/)
        assert.equal(response.headers['x-other'], 'four')
        assert.equal(response.text(), 'ok')
      }
    })

    for (const [what, head] of [
      ['HTTP/1.0 without a length', ['HTTP/1.0 200 OK', []]],
      ['HTTP/1.1 without a length', ['HTTP/1.1 200 OK', ['Connection: close']]],
    ]) {
      test(`${what}: the body ends with the connection`, async (t) => {
        for (const end of Object.values(ENDINGS)) {
          const { port, url } = await serve(t, secure, raw(...head, 'the whole body'), end)
          const proxy = await startProxy(t, { port })
          for (const way of secure ? [{}, { proxy: `http://${proxy.host}` }] : [{}]) {
            const response = await httpRequest(url, { ...options, ...way })
            assert.equal(response.text(), 'the whole body')
          }
        }
      })
    }

    test('HTTP/1.0 with a length is as good as HTTP/1.1', async (t) => {
      const bytes = raw('HTTP/1.0 200 OK', ['Content-Length: 2'], 'ok')
      const { url } = await serve(t, secure, bytes)
      assert.equal((await httpRequest(url, options)).text(), 'ok')
    })

    // RFC 9112, 6.1: such a message is to be treated as faulty.
    test('HTTP/1.0 with chunks is an error', async (t) => {
      const fields = ['Transfer-Encoding: chunked']
      const { url } = await serve(t, secure, raw('HTTP/1.0 200 OK', fields, '2\r\nok\r\n0\r\n\r\n'))
      assert.equal((await rejection(httpRequest(url, options))).code, 'EPROTO')
    })

    for (const [what, fields, body, code] of [
      ['a length', ['Content-Length: 100'], 'short', 'ERR_BODY_LENGTH'],
      ['chunks', ['Transfer-Encoding: chunked'], '5\r\nshort\r\n', 'ECONNRESET'],
    ]) {
      test(`a truncated body with ${what} is an error, however the connection ends`, async (t) => {
        for (const end of Object.values(ENDINGS)) {
          const { url } = await serve(t, secure, raw('HTTP/1.1 200 OK', fields, body), end)
          assert.equal((await rejection(httpRequest(url, options))).code, code)
        }
      })
    }
  })
}

describe('a download whose length nobody announced, over TLS that was not ended', () => {
  const body = 'the whole file'
  const head = ['HTTP/1.1 200 OK', ['Connection: close']]

  test('is refused, for it may be truncated', async (t) => {
    const { url } = await serve(t, true, raw(...head, body), ENDINGS['no end of TLS'])
    const path = join(temporaryDirectory(t), 'file')
    const error = await rejection(httpDownload(url, path, options))
    assert.equal(error.code, 'ERR_BODY_LENGTH')
    assert.match(error.message, /may be truncated/)
    assert.ok(!existsSync(path))
  })

  test('is taken when a digest vouches for it', async (t) => {
    const { url } = await serve(t, true, raw(...head, body), ENDINGS['no end of TLS'])
    const path = join(temporaryDirectory(t), 'file')
    const sha256 = createHash('sha256').update(body).digest('hex')
    await httpDownload(url, path, { ...options, sha256 })
    assert.equal(readFileSync(path, 'utf8'), body)
  })

  test('is taken when TLS was ended', async (t) => {
    const { url } = await serve(t, true, raw(...head, body))
    const path = join(temporaryDirectory(t), 'file')
    await httpDownload(url, path, options)
    assert.equal(readFileSync(path, 'utf8'), body)
  })
})
