// One exchange by node:http: bodies both ways, what slows whom down, and what ends it.

import assert from 'node:assert/strict'
import http from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HttpClient, httpGetText, httpRequest } from '@socketsecurity/registry'
import { startSilentSecureServer } from '../helpers/origins/deaf-origin.mjs'
import {
  MOST_ON_THE_WAY,
  pour,
  standstill,
  startFlowOrigin,
} from '../helpers/origins/flow-origin.mjs'
import { later, silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import { cert } from '../helpers/origins/localhost-certificate.mjs'
import { raw, sayAndClose, startRawOrigin, unusedUrl } from '../helpers/origins/raw-origin.mjs'
import { rejection, until } from '../helpers/support.mjs'

const transport = 'node'

function deferred() {
  let resolve
  const promise = new Promise((done) => {
    resolve = done
  })
  return { promise, resolve }
}

describe('the body of a response', () => {
  test('waits for its reader, and so does the server', async (t) => {
    let flow
    const origin = await startFlowOrigin(t, (_incoming, response) => {
      flow = pour(response)
    })
    const { rawResponse } = await httpRequest(origin.url, { transport, stream: true })
    const stopped = await standstill(() => flow.written, MOST_ON_THE_WAY)
    assert.ok(stopped < MOST_ON_THE_WAY, `${stopped} bytes`)
    for await (const _ of rawResponse) if (flow.written > stopped + (8 << 20)) break
    await until(() => origin.closed === 1, 'the connection is closed')
  })

  test('is whole after many stops', async (t) => {
    const size = 32 << 20
    const origin = await startFlowOrigin(t, (_incoming, response) => pour(response, { size }))
    const { rawResponse } = await httpRequest(origin.url, { transport, stream: true })
    let read = 0
    for await (const chunk of rawResponse) {
      if (read >> 22 !== (read + chunk.length) >> 22) await sleep(5)
      read += chunk.length
    }
    assert.equal(read, size)
  })

  test('may have trailers and 1xx before it', async (t) => {
    const origin = await startFlowOrigin(t, (_incoming, response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload' })
      response.writeProcessing()
      response.writeHead(200, { Trailer: 'X-Sum' })
      response.write('a')
      response.addTrailers({ 'X-Sum': '1' })
      response.end('b')
    })
    const response = await httpRequest(origin.url, { transport })
    assert.equal(response.status, 200)
    assert.equal(response.text(), 'ab')
    assert.equal(response.headers['x-sum'], undefined)
  })

  test('that ends early has an error with the lengths', async (t) => {
    const origin = await startRawOrigin(
      t,
      sayAndClose(raw('HTTP/1.1 200 OK', ['Content-Length: 10'], 'half!')),
    )
    const error = await rejection(httpRequest(origin.url, { transport }))
    assert.equal(error.message, 'HTTP request failed: the body ended after 5 of 10 bytes')
    assert.equal(error.code, 'ERR_BODY_LENGTH')
  })

  test('of an unsolicited upgrade is empty', async (t) => {
    const head = raw('HTTP/1.1 101 Switching Protocols', ['Connection: Upgrade', 'Upgrade: x'])
    const origin = await startRawOrigin(t, (socket) => socket.write(head))
    const response = await httpRequest(origin.url, { transport })
    assert.equal(response.status, 101)
    await until(() => origin.sockets.size === 0, 'the connection is closed')
  })
})

describe('the body of a request', () => {
  test('is read no faster than the server takes it', async (t) => {
    const origin = await startFlowOrigin(t, silence)
    let read = 0
    const chunk = Buffer.alloc(1 << 16)
    const body = new Readable({
      read() {
        read += chunk.length
        this.push(chunk)
      },
    })
    const controller = new AbortController()
    const options = { transport, method: 'POST', body, signal: controller.signal, timeout: 0 }
    const sent = rejection(httpRequest(origin.url, options))
    const stopped = await standstill(() => read, MOST_ON_THE_WAY)
    assert.ok(stopped < MOST_ON_THE_WAY, `${stopped} bytes`)
    controller.abort()
    assert.equal((await sent).name, 'AbortError')
    assert.equal(body.destroyed, true)
    origin.requests[0].resume()
    await until(() => origin.broken === 1, 'the server sees it')
  })

  test('that is truncated is not taken for a whole one', async (t) => {
    const { promise: arrived, resolve: arrive } = deferred()
    const origin = await startFlowOrigin(t, (incoming, response) => {
      incoming.on('data', arrive).on('end', () => response.end())
    })
    const failure = new Error('the disk is gone')
    async function* pieces() {
      yield 'some'
      await arrived
      throw failure
    }
    const options = { transport, method: 'POST', body: Readable.from(pieces()) }
    assert.equal(await rejection(httpRequest(origin.url, options)), failure)
    await until(() => origin.broken === 1, 'the server sees it')
  })

  test('of unknown length is sent in chunks, whatever the method', async (t) => {
    const origin = await startOrigin(t)
    for (const method of ['POST', 'DELETE', 'GET']) {
      await httpRequest(origin.url, { transport, method, body: Readable.from(['a', 'b']) })
      const { headers, body } = origin.requests.at(-1)
      assert.equal(headers['transfer-encoding'], 'chunked')
      assert.equal(headers['content-length'], undefined)
      assert.equal(String(body), 'ab')
    }
  })

  test('that is not there has the length 0 where the method expects one', async (t) => {
    const origin = await startOrigin(t)
    for (const [method, length] of [
      ['POST', '0'],
      ['PUT', '0'],
      ['PATCH', '0'],
      ['GET', undefined],
      ['DELETE', undefined],
    ]) {
      await httpRequest(origin.url, { transport, method })
      const { headers } = origin.requests.at(-1)
      assert.equal(headers['content-length'], length, method)
      assert.equal(headers['transfer-encoding'], undefined)
    }
  })

  test('may be refused before it was sent', async (t) => {
    const origin = await startFlowOrigin(t, (_incoming, response) => {
      response.writeHead(413, { Connection: 'close' })
      response.end('too large')
    })
    const body = Buffer.alloc(64 << 20)
    const response = await httpRequest(origin.url, { transport, method: 'PUT', body })
    assert.equal(response.status, 413)
    assert.equal(response.text(), 'too large')
  })
})

describe('a connection', () => {
  test('is reused for the next request, by the global agent', async (t) => {
    const origin = await startOrigin(t, { body: 'x' })
    for (let count = 0; count < 5; count += 1) {
      await httpRequest(origin.url, { transport })
      await sleep(0)
    }
    assert.equal(origin.connections, 1)
  })

  test('that the server has closed meanwhile is replaced, silently', async (t) => {
    const origin = await startOrigin(t, { body: 'x' })
    await httpRequest(origin.url, { transport })
    await sleep(0)
    const stale = [...origin.sockets]
    assert.equal(stale.length, 1)
    // In the same turn: the client cannot have seen it yet.
    const again = httpRequest(origin.url, { transport })
    for (const socket of stale) socket.resetAndDestroy()
    const response = await again
    assert.equal(response.attempts, 1)
  })

  test('is made by the agent that the program has chosen', async (t) => {
    const origin = await startOrigin(t, { body: 'x' })
    const { globalAgent } = http
    const agent = new http.Agent({ keepAlive: false })
    let count = 0
    agent.createConnection = function (...all) {
      count += 1
      return http.Agent.prototype.createConnection.apply(this, all)
    }
    t.after(() => {
      http.globalAgent = globalAgent
    })
    http.globalAgent = agent
    await httpRequest(origin.url, { transport })
    await httpRequest(origin.url, { transport })
    assert.equal(count, 2)
    assert.equal(origin.connections, 2)
  })

  test('trusts the certificates of the call, and of the agent', async (t) => {
    const origin = await startOrigin(t, { body: 'x' }, { secure: true })
    const refused = await rejection(httpRequest(origin.url, { transport }))
    assert.equal(refused.code, 'DEPTH_ZERO_SELF_SIGNED_CERT')
    assert.equal(refused.retryable, false)
    assert.equal(await httpGetText(origin.url, { transport, ca: cert }), 'x')
    // A connection that was verified by these is not for those who do not trust them.
    const again = await rejection(httpRequest(origin.url, { transport }))
    assert.equal(again.code, 'DEPTH_ZERO_SELF_SIGNED_CERT')
    const { globalAgent } = https
    t.after(() => {
      https.globalAgent = globalAgent
    })
    https.globalAgent = new https.Agent({ ca: cert })
    assert.equal(await httpGetText(origin.url, { transport }), 'x')
  })

  test('is for the host of the URL, whatever the field Host has', async (t) => {
    const origin = await startOrigin(t, { body: 'x' }, { secure: true })
    const headers = { Host: 'virtual.test' }
    for (const url of [origin.url, origin.url.replace('127.0.0.1', 'localhost')]) {
      assert.equal(await httpGetText(url, { transport, ca: cert, headers }), 'x')
      assert.equal(origin.requests.at(-1).headers.host, 'virtual.test')
    }
  })

  test('is not verified where the environment turns it off', async (t) => {
    const origin = await startOrigin(t, { body: 'x' }, { secure: true })
    t.mock.method(process, 'emitWarning', () => {})
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    t.after(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED)
    assert.equal(await httpGetText(origin.url, { transport }), 'x')
  })

  test('has its own limit of time, the handshake included', async (t) => {
    const { url } = await startSilentSecureServer(t)
    const options = { transport, connectTimeout: 100, timeout: 60_000 }
    const error = await rejection(httpRequest(url, options))
    assert.equal(error.code, 'ERR_TIMEOUT')
    assert.equal(error.message, 'Connecting timed out after 100ms')
  })

  test('that is open leaves that limit behind', async (t) => {
    const origin = await startOrigin(t, later(300, { body: 'x' }))
    for (let count = 0; count < 2; count += 1) {
      assert.equal(await httpGetText(origin.url, { transport, connectTimeout: 100 }), 'x')
    }
  })
})

describe('what ends an exchange', () => {
  for (const [what, url, code, syscall] of [
    ['no server', unusedUrl, 'ECONNREFUSED', 'connect'],
    ['no such name', () => 'http://no-such-name.invalid', 'ENOTFOUND', 'getaddrinfo'],
  ]) {
    test(`${what}: the same code as natively`, async () => {
      const address = await url()
      for (const each of ['native', 'node']) {
        const error = await rejection(httpRequest(address, { transport: each }))
        assert.ok([code, 'EAI_AGAIN'].includes(error.code), error.code)
        assert.equal(error.syscall, syscall)
        assert.equal(error.retryable, true)
        assert.match(error.message, new RegExp(`^HTTP request failed: ${syscall} ${error.code} `))
      }
    })
  }

  test('a server that sends nothing: ECONNRESET', async (t) => {
    const origin = await startRawOrigin(t, (socket) => socket.destroy())
    const error = await rejection(httpRequest(origin.url, { transport }))
    assert.equal(error.code, 'ECONNRESET')
    assert.equal(error.message, 'HTTP request failed: ECONNRESET: socket hang up')
  })

  test('a server that speaks something else: EPROTO', async (t) => {
    const origin = await startRawOrigin(t, sayAndClose('SMTP ready\r\n\r\n'))
    const error = await rejection(httpRequest(origin.url, { transport }))
    assert.equal(error.code, 'EPROTO')
  })

  test('a signal, while the body is read', async (t) => {
    const origin = await startFlowOrigin(t, (_incoming, response) => pour(response))
    const controller = new AbortController()
    const options = { transport, signal: controller.signal, timeout: 0 }
    const sent = rejection(httpRequest(origin.url, options))
    await until(() => origin.requests.length === 1, 'the request is there')
    controller.abort()
    assert.equal((await sent).name, 'AbortError')
    await until(() => origin.closed === 1, 'the connection is closed')
  })

  test('a reader that has enough', async (t) => {
    const origin = await startFlowOrigin(t, (_incoming, response) => pour(response))
    const { rawResponse } = await httpRequest(origin.url, { transport, stream: true })
    rawResponse.destroy()
    await until(() => origin.closed === 1, 'the connection is closed')
  })

  test('silence, with idleTimeout', async (t) => {
    const origin = await startFlowOrigin(t, (_incoming, response) => response.write('x'))
    const error = await rejection(httpRequest(origin.url, { transport, idleTimeout: 100 }))
    assert.equal(error.message, 'No data received for 100ms')
  })

  test('a patched node:http that throws fails the request', async (t) => {
    t.mock.method(http, 'request', () => {
      throw new Error('patched badly')
    })
    const error = await rejection(httpRequest('http://127.0.0.1:9', { transport }))
    assert.equal(error.message, 'HTTP request failed: patched badly')
  })

  test('an error that cannot be read, emitted or thrown, fails the request', async (t) => {
    const { request } = http
    const url = await unusedUrl()
    class Unreadable extends Error {
      get code() {
        throw new Error('not this either')
      }
    }
    for (const failure of [Object.create(null), new Unreadable('x'), Symbol('x'), undefined]) {
      for (const isThrown of [true, false]) {
        const mock = t.mock.method(http, 'request', (...all) => {
          if (isThrown) throw failure
          const made = request(...all)
          process.nextTick(() => made.emit('error', failure))
          return made
        })
        const error = await rejection(httpRequest(url, { transport }))
        assert.match(error.message, /^HTTP request failed: /)
        mock.mock.restore()
      }
    }
  })

  test('a connection or a request that throws when it is used fails the request', async (t) => {
    const { request } = http
    const url = await unusedUrl()
    const refuse = () => {
      throw new Error('not a socket')
    }
    t.mock.method(http, 'request', (...all) => {
      const made = Object.assign(request(...all), { destroy: refuse })
      process.nextTick(() => made.emit('socket', { unref: refuse }))
      return made
    })
    const error = await rejection(httpRequest(url, { transport }))
    assert.match(error.message, /not a socket/)
  })

  test('a patched node:http that gives nonsense fails the request', async (t) => {
    const { request } = http
    t.mock.method(http, 'request', (...all) => {
      const made = request(...all)
      const nonsense = Object.assign(Readable.from(['x']), {
        statusCode: 'two hundred',
        rawHeaders: 7,
      })
      process.nextTick(() => made.emit('response', nonsense))
      return made
    })
    const error = await rejection(httpRequest(await unusedUrl(), { transport }))
    assert.match(error.message, /^HTTP request failed: /)
  })
})

test('many exchanges at once, and bodies of many sizes, do not mix', async (t) => {
  const origin = await startOrigin(t, ({ path, body }) => ({
    body: Buffer.concat([Buffer.from(path), body]),
  }))
  const client = new HttpClient({ baseUrl: origin.url, transport })
  const calls = Array.from({ length: 200 }, async (_, index) => {
    const body = Buffer.alloc(index * 997, index)
    const { rawResponse } = await client.request(`/${index}/`, {
      method: 'PUT',
      body: index % 2 ? body : Readable.from([body.subarray(0, 7), body.subarray(7)]),
      stream: true,
    })
    const received = await buffer(rawResponse)
    assert.ok(received.equals(Buffer.concat([Buffer.from(`/${index}/`), body])), `${index}`)
  })
  await Promise.all(calls)
})

test('a stream can be read at once', async (t) => {
  const origin = await startOrigin(t, { body: 'abc' })
  const { rawResponse } = await httpRequest(origin.url, { transport, stream: true })
  assert.equal(await text(rawResponse), 'abc')
})
