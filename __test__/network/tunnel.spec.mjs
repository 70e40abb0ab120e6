// Tunnels through HTTP proxies, by CONNECT: the request to the proxy, and its response.

import assert from 'node:assert/strict'
import { createServer as createPlainServer } from 'node:http'
import { createServer } from 'node:https'
import { describe, test } from 'node:test'
import { httpGetText, httpRequest } from '@socketsecurity/registry'
import { listen } from '../helpers/origins/listen.mjs'
import { cert, key } from '../helpers/origins/localhost-certificate.mjs'
import { startProxy } from '../helpers/origins/proxy-origin.mjs'
import { startRawOrigin } from '../helpers/origins/raw-origin.mjs'
import { rejection, until } from '../helpers/support.mjs'

/** An origin that keeps the headers that reach it; `tls` is false for one over http. */
async function serve(t, tls = { key, cert }, status = 200) {
  const seen = []
  const greet = ({ headers }, response) => {
    seen.push(headers)
    response.writeHead(status).end('hello')
  }
  const server = tls ? createServer(tls, greet) : createPlainServer(greet)
  return { port: await listen(t, server), seen }
}

const headOf = (bytes) => bytes.split('\r\n')

describe('what a proxy receives', () => {
  for (const [url, authority] of [
    ['https://origin.test/path?query', 'origin.test:443'],
    ['https://origin.test:8443/', 'origin.test:8443'],
    ['https://user:secret@origin.test/', 'origin.test:443'],
  ]) {
    test(`${url}: ${authority}, and no more of it`, async (t) => {
      const proxy = await startRawOrigin(t, (socket) => socket.end())
      const options = {
        proxy: `http://127.0.0.1:${proxy.port}`,
        headers: { Cookie: 'secret' },
        retries: 0,
      }
      const error = await rejection(httpRequest(url, options))
      assert.equal(error.code, 'ECONNRESET')
      assert.ok(error.message.includes(`127.0.0.1:${proxy.port}`), error.message)
      const [head] = proxy.heads
      const [line, ...fields] = headOf(head)
      assert.equal(line, `CONNECT ${authority} HTTP/1.1`)
      assert.ok(fields.includes(`Host: ${authority}`), head)
      assert.doesNotMatch(head, /secret|authorization|query/i)
    })
  }

  test('the user of the proxy is for the proxy, and not for the origin', async (t) => {
    const { port, seen } = await serve(t)
    const proxy = await startProxy(t, { port, credentials: 'us:pass' })
    const through = { proxy: `http://us:pass@${proxy.host}`, ca: cert }
    assert.equal(await httpGetText(`https://localhost:${port}/`, through), 'hello')
    assert.equal(seen[0]['proxy-authorization'], undefined)
    assert.equal(seen[0].host, `localhost:${port}`)
  })

  for (const scheme of ['http', 'socks5h']) {
    test(`nothing for https to an IPv6 address, which is refused (${scheme})`, async (t) => {
      const proxy = await startRawOrigin(t, (socket) => socket.end())
      const through = { proxy: `${scheme}://127.0.0.1:${proxy.port}`, retries: 2, retryDelay: 1 }
      const error = await rejection(httpRequest('https://[::1]/', through))
      assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
      assert.match(error.message, /https to an IPv6 address .*\[::1\].*NO_PROXY/)
      assert.equal(proxy.connections, 0)
    })
  }
})

describe('a proxy over TLS', () => {
  test('carries https', async (t) => {
    const { port } = await serve(t)
    const proxy = await startProxy(t, { port, tls: { key, cert } })
    const through = { proxy: `https://localhost:${proxy.port}`, ca: cert }
    assert.equal(await httpGetText(`https://localhost:${port}/`, through), 'hello')
    assert.equal(proxy.requests[0].method, 'CONNECT')
  })

  test('that refuses is requested twice with its user, and its status is in the error', async (t) => {
    const { port } = await serve(t)
    const established = 'HTTP/1.1 403 Forbidden\r\n\r\n'
    const credentials = 'us:pass'
    const proxy = await startProxy(t, { port, established, credentials, tls: { key, cert } })
    const through = { proxy: `https://us:pass@localhost:${proxy.port}`, ca: cert }
    const error = await rejection(httpRequest('https://origin.test/', through))
    assert.equal(error.status, 403)
    assert.doesNotMatch(error.message, /pass/)
    assert.deepEqual(
      proxy.requests.map(({ method, url }) => `${method} ${url}`),
      ['CONNECT origin.test:443', 'CONNECT origin.test:443'],
    )
  })

  test('carries http, and receives the whole URL', async (t) => {
    const { port } = await serve(t, false)
    const proxy = await startProxy(t, { port, tls: { key, cert } })
    const through = { proxy: `https://localhost:${proxy.port}`, ca: cert }
    assert.equal(await httpGetText('http://origin.test/path', through), 'hello')
    assert.equal(proxy.requests[0].url, 'http://origin.test/path')
  })
})

describe('the response of a proxy', () => {
  for (const [what, established] of [
    ['an older version', 'HTTP/1.0 200 Connection established\r\nProxy-Agent: x\r\n\r\n'],
    ['a length, which means nothing', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
    ['something behind the head', 'HTTP/1.1 200 OK\r\nX-Filler: x\r\n\r\n'],
  ]) {
    test(`${what} opens the tunnel`, async (t) => {
      const { port } = await serve(t)
      const proxy = await startProxy(t, { port, established })
      const through = { proxy: `http://${proxy.host}`, ca: cert }
      assert.equal(await httpGetText(`https://localhost:${port}/`, through), 'hello')
    })
  }

  test('another status of success is named, for the client knows only 200', async (t) => {
    const { port } = await serve(t)
    const proxy = await startProxy(t, { port, established: 'HTTP/1.1 201 Created\r\n\r\n' })
    const through = { proxy: `http://${proxy.host}`, ca: cert, retries: 2, retryDelay: 1 }
    const error = await rejection(httpRequest(`https://localhost:${port}/`, through))
    assert.match(error.message, /^HTTP 201: the proxy 127\.0\.0\.1:\d+ .*only 200/)
    assert.equal(error.retryable, false)
  })

  test('a 407 of the origin is a response like others', async (t) => {
    const { port } = await serve(t, { key, cert }, 407)
    const proxy = await startProxy(t, { port })
    const through = { proxy: `http://${proxy.host}`, ca: cert }
    const response = await httpRequest(`https://localhost:${port}/`, through)
    assert.equal(response.status, 407)
  })

  // The client does not tell the status of a refusal: the proxy is asked a second time for it.
  test('a refusal has its status, and is not retried', async (t) => {
    const proxy = await startRawOrigin(t, (socket) =>
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'),
    )
    const through = { proxy: `http://127.0.0.1:${proxy.port}`, retries: 2, retryDelay: 1 }
    const error = await rejection(httpRequest('https://origin.test/', through))
    assert.equal(error.code, 'ERR_HTTP_STATUS')
    assert.equal(error.status, 403)
    assert.match(error.message, /^HTTP 403: the proxy 127\.0\.0\.1:\d+ .*origin\.test:443/)
    assert.equal(proxy.connections, 2)
    for (const head of proxy.heads) {
      const [line, ...fields] = headOf(head)
      assert.equal(line, 'CONNECT origin.test:443 HTTP/1.1')
      assert.ok(fields.includes('Host: origin.test:443'), head)
      assert.doesNotMatch(head, /user-agent|cookie/i)
    }
  })

  test('the status of a refusal is not waited for longer than for a connection', async (t) => {
    const proxy = await startRawOrigin(t, [
      (socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'),
      () => {},
    ])
    const through = { proxy: `http://127.0.0.1:${proxy.port}`, connectTimeout: 1000 }
    const error = await rejection(httpRequest('https://origin.test/', through))
    assert.match(error.message, /opens no tunnel/)
    assert.ok(error.message.includes(`127.0.0.1:${proxy.port}`), error.message)
    await until(() => proxy.sockets.size === 0, 'the connection is closed')
  })

  test('a status that may pass is tried again', async (t) => {
    const proxy = await startRawOrigin(t, (socket) =>
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'),
    )
    const through = { proxy: `http://127.0.0.1:${proxy.port}`, retries: 2, retryDelay: 1 }
    const error = await rejection(httpRequest('https://origin.test/', through))
    assert.equal(error.status, 502)
    assert.equal(proxy.connections, 2 * 3)
  })

  test('what is not HTTP is an error of the protocol', async (t) => {
    const proxy = await startRawOrigin(t, (socket) => socket.end('SSH-2.0-OpenSSH\r\n\r\n'))
    const through = { proxy: `http://127.0.0.1:${proxy.port}` }
    const error = await rejection(httpRequest('https://origin.test/', through))
    assert.equal(error.code, 'EPROTO')
    assert.ok(error.message.includes(`127.0.0.1:${proxy.port}`), error.message)
  })

  test('a head without end is cut off', async (t) => {
    const line = `X-Filler: ${'x'.repeat(1000)}\r\n`
    let isClosed = false
    const proxy = await startRawOrigin(t, (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const more = () => {
        while (!socket.destroyed && socket.write(line));
      }
      socket.on('drain', more)
      socket.on('close', () => {
        isClosed = true
      })
      more()
    })
    const through = { proxy: `http://127.0.0.1:${proxy.port}`, timeout: 5000 }
    const error = await rejection(httpRequest('https://origin.test/', through))
    assert.notEqual(error.code, 'ERR_TIMEOUT')
    await until(() => isClosed, 'the connection is closed')
  })

  test('silence ends by connectTimeout, and the connection is closed', async (t) => {
    const proxy = await startRawOrigin(t, () => {})
    const through = { proxy: `http://127.0.0.1:${proxy.port}`, connectTimeout: 100 }
    const error = await rejection(httpRequest('https://origin.test/', through))
    assert.equal(error.code, 'ERR_TIMEOUT')
    assert.match(error.message, /Connecting timed out after 100ms/)
    await until(() => proxy.sockets.size === 0, 'the connection is closed')
  })

  test('silence ends by an abort, and the connection is closed', async (t) => {
    const controller = new AbortController()
    const proxy = await startRawOrigin(t, () => controller.abort())
    const through = { proxy: `http://127.0.0.1:${proxy.port}`, signal: controller.signal }
    const error = await rejection(httpRequest('https://origin.test/', through))
    assert.equal(error.name, 'AbortError')
    await until(() => proxy.sockets.size === 0, 'the connection is closed')
  })
})
