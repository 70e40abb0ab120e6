// The head of a request over each protocol and through proxies: the host, and the length of a body
// that is absent.

import assert from 'node:assert/strict'
import { constants } from 'node:http2'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { HttpClient, httpRequest } from '@socketsecurity/registry'
import { redirectTo, startOrigin } from '../helpers/origins/http-origin.mjs'
import { PROTOCOLS, serve } from '../helpers/origins/listen.mjs'
import { cert } from '../helpers/origins/localhost-certificate.mjs'
import { startProxy } from '../helpers/origins/proxy-origin.mjs'
import { rejection } from '../helpers/support.mjs'

const greet = (_, response) => response.end('ok')

/** A server that keeps the heads of its requests. */
async function serveHeads(t, protocol, listener = greet, options = {}) {
  const heads = []
  const keepHead = (request, response) => {
    const { method, headers, httpVersion } = request
    heads.push({ method, headers, version: httpVersion })
    request.resume()
    request.on('error', () => {})
    request.on('end', () => listener(request, response, heads.length))
  }
  const more = protocol === 'HTTP/2' ? { allowHTTP1: true, ...options } : options
  return { heads, ...(await serve(t, protocol, keepHead, more)) }
}

const options = { ca: cert, timeout: 10_000 }

/** The ways to a server: directly, and by a proxy. */
async function ways(t, port) {
  const proxy = await startProxy(t, { port })
  return [{}, { proxy: `http://${proxy.host}` }]
}

for (const protocol of PROTOCOLS) {
  describe(`${protocol}: a body that is not there`, () => {
    for (const method of ['POST', 'PUT', 'PATCH']) {
      test(`has the length 0 in ${method}`, async (t) => {
        const { heads, port, url } = await serveHeads(t, protocol)
        for (const way of await ways(t, port)) {
          for (const body of [undefined, '', Buffer.alloc(0)]) {
            await httpRequest(url, { ...options, ...way, method, body })
            const { headers } = heads.at(-1)
            assert.equal(headers['content-length'], '0')
            assert.equal(headers['transfer-encoding'], undefined)
          }
        }
        assert.equal(heads.length, 6)
      })
    }

    for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS']) {
      test(`has no length in ${method}`, async (t) => {
        const { heads, port, url } = await serveHeads(t, protocol)
        for (const way of await ways(t, port)) {
          await httpRequest(url, { ...options, ...way, method })
          const { headers } = heads.at(-1)
          assert.equal(headers['content-length'], undefined)
          assert.equal(headers['transfer-encoding'], undefined)
        }
      })
    }
  })

  describe(`${protocol}: the host`, () => {
    test('is sent once, and as the URL has it', async (t) => {
      const { heads, port, url } = await serveHeads(t, protocol)
      for (const way of await ways(t, port)) {
        for (const headers of [{}, { Host: `localhost:${port}` }, { host: `LocalHost:${port}` }]) {
          assert.equal((await httpRequest(url, { ...options, ...way, headers })).text(), 'ok')
          const { headers: seen, version } = heads.at(-1)
          const said = [seen[':authority'], seen.host].filter((it) => it !== undefined)
          assert.deepEqual(
            said.map((it) => it.toLowerCase()),
            [`localhost:${port}`],
          )
          assert.equal(version, protocol === 'HTTP/2' ? '2.0' : '1.1')
        }
      }
    })

    test('of the caller wins, also where the server knows HTTP/2', async (t) => {
      const { heads, port, url } = await serveHeads(t, protocol)
      for (const way of await ways(t, port)) {
        const headers = { Host: 'virtual.test' }
        assert.equal((await httpRequest(url, { ...options, ...way, headers })).text(), 'ok')
        const { headers: seen } = heads.at(-1)
        assert.equal(seen.host, 'virtual.test')
        assert.equal(seen[':authority'], undefined)
      }
    })
  })
}

test('a redirect to another origin has a host of its own', async (t) => {
  const { heads, port, url } = await serveHeads(t, 'HTTP/2')
  const origin = await startOrigin(t, redirectTo(url), { secure: true })
  const headers = { Host: 'virtual.test' }
  assert.equal((await httpRequest(origin.url, { ...options, headers })).text(), 'ok')
  assert.equal(heads[0].headers[':authority'], `localhost:${port}`)
})

test('sendJson without a value sends Content-Length: 0', async (t) => {
  const { heads, url } = await serveHeads(t, 'HTTP/1.1', (_, response) => response.end('{}'))
  await new HttpClient({ baseUrl: url }).sendJson('POST', '/')
  assert.equal(heads[0].headers['content-length'], '0')
})

describe('a server that wants HTTP/1.1', () => {
  const refuse = {
    'a reset stream': (_, response) => response.stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED),
    'the status 426': (_, response) => response.writeHead(426).end('no'),
  }
  for (const [what, refusal] of Object.entries(refuse)) {
    test(`and asks for it by ${what} gets it, whatever the method`, async (t) => {
      const { heads, port, url } = await serveHeads(t, 'HTTP/2', (request, response) =>
        request.httpVersion === '2.0' ? refusal(request, response) : response.end('ok'),
      )
      for (const way of await ways(t, port)) {
        for (const [method, body] of [
          ['GET', undefined],
          ['POST', 'x'],
        ]) {
          const response = await httpRequest(url, { ...options, ...way, method, body })
          assert.equal(response.text(), 'ok')
          assert.equal(heads.at(-1).version, '1.1')
        }
      }
    })

    test(`and asks for it by ${what} is remembered, for bodies that can be sent once`, async (t) => {
      const { heads, url } = await serveHeads(t, 'HTTP/2', (request, response) =>
        request.httpVersion === '2.0' ? refusal(request, response) : response.end('ok'),
      )
      assert.equal((await httpRequest(url, options)).text(), 'ok')
      const body = Readable.from(['x'])
      const response = await httpRequest(url, { ...options, method: 'POST', body })
      assert.equal(response.text(), 'ok')
      assert.deepEqual(
        heads.map(({ version }) => version),
        ['2.0', '1.1', '1.1'],
      )
    })
  }

  test('and asks for it as it ends the connection gets it', async (t) => {
    const { heads, url } = await serveHeads(
      t,
      'HTTP/2',
      ({ stream, httpVersion }, response, count) => {
        if (httpVersion === '1.1' || count === 1) return response.end('ok')
        // The first stream was the last that was processed.
        stream.session.goaway(constants.NGHTTP2_HTTP_1_1_REQUIRED, 1)
      },
    )
    await httpRequest(url, options)
    const response = await httpRequest(url, { ...options, method: 'POST', body: 'x' })
    assert.equal(response.text(), 'ok')
    assert.deepEqual(
      heads.map(({ version }) => version),
      ['2.0', '2.0', '1.1'],
    )
  })

  test('but does not offer it ends in an error', async (t) => {
    const { heads, url } = await serveHeads(t, 'HTTP/2', refuse['a reset stream'], {
      allowHTTP1: false,
    })
    await rejection(httpRequest(url, options))
    assert.equal(heads.length, 1)
  })

  test('426 over HTTP/1.1 is a status like others', async (t) => {
    const { heads, url } = await serveHeads(t, 'HTTP/1.1 over TLS', refuse['the status 426'])
    assert.equal((await httpRequest(url, options)).status, 426)
    assert.equal(heads.length, 1)
  })
})
