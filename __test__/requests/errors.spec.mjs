import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { httpDownload, httpRequest } from '@socketsecurity/registry/lib/http-request'
import { silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import { listen } from '../helpers/origins/listen.mjs'
import { cert, key } from '../helpers/origins/localhost-certificate.mjs'
import {
  raw,
  sayAndClose,
  sayAndReset,
  sayAndStall,
  startRawOrigin,
  unusedUrl,
} from '../helpers/origins/raw-origin.mjs'
import { codes, rejection, temporaryDirectory } from '../helpers/support.mjs'

test('the error of a refused connection has the code, the address and the attempts', async () => {
  const url = `${await unusedUrl()}/path?x=1`
  const error = await rejection(httpRequest(url, { retries: 1, retryDelay: 1 }))
  assert.ok(error instanceof Error)
  assert.match(error.message, /^HTTP request failed: ./)
  assert.ok(codes(error).includes('ECONNREFUSED'), `the codes are ${codes(error)}`)
  assert.equal(error.syscall, 'connect')
  assert.equal(error.url, url)
  assert.equal(error.attempts, 2)
  assert.equal(error.retryable, true)
  assert.equal(error.status, undefined)
  assert.equal(typeof error.stack, 'string')
})

test('one attempt counts as one', async () => {
  const error = await rejection(httpRequest(await unusedUrl()))
  assert.equal(error.attempts, 1)
})

for (const [what, script] of [
  ['a reset before the response', sayAndReset()],
  ['a connection closed without a response', sayAndClose('')],
  ['a reset within the head', sayAndReset('HTTP/1.1 200 OK\r\nContent-Le')],
  ['a reset within the body', sayAndReset(raw('HTTP/1.1 200 OK', ['Content-Length: 9'], 'four'))],
]) {
  test(`${what} has the code ECONNRESET`, async (t) => {
    const origin = await startRawOrigin(t, script)
    const error = await rejection(httpRequest(`${origin.url}/`))
    assert.ok(error instanceof Error)
    assert.match(error.message, /^HTTP request failed: ./)
    assert.ok(codes(error).includes('ECONNRESET'), `the codes are ${codes(error)}`)
    assert.equal(error.url, `${origin.url}/`)
    assert.equal(error.retryable, true)
  })
}

test('a name that does not exist has the code of the look-up', async () => {
  const error = await rejection(httpRequest('http://does-not-exist.invalid/', { timeout: 10_000 }))
  const known = ['ENOTFOUND', 'EAI_AGAIN', 'ERR_TIMEOUT']
  assert.ok(
    known.some((code) => codes(error).includes(code)),
    `the codes are ${codes(error)}`,
  )
})

test('the error of a timeout has the URL and is retryable', async (t) => {
  const origin = await startOrigin(t, silence)
  const error = await rejection(httpRequest(`${origin.url}/slow`, { timeout: 100 }))
  assert.ok(error instanceof Error)
  assert.equal(error.code, 'ERR_TIMEOUT')
  assert.equal(error.url, `${origin.url}/slow`)
  assert.equal(error.attempts, 1)
  assert.equal(error.retryable, true)
})

for (const [what, script] of [
  [
    'a body shorter than its Content-Length',
    sayAndClose(raw('HTTP/1.1 200 OK', ['Content-Length: 100'], 'short')),
  ],
  [
    'a chunked body without its end',
    sayAndClose(raw('HTTP/1.1 200 OK', ['Transfer-Encoding: chunked'], '5\r\nshort\r\n')),
  ],
  [
    'a chunk with a length that is no number',
    sayAndStall(raw('HTTP/1.1 200 OK', ['Transfer-Encoding: chunked'], 'zz\r\nshort\r\n')),
  ],
  ['a response that is not HTTP', sayAndStall('220 mail.example.org ESMTP ready\r\n\r\n')],
  ['a status that is no number', sayAndStall('HTTP/1.1 abc OK\r\n\r\n')],
  ['a header line without a colon', sayAndStall('HTTP/1.1 200 OK\r\nno colon\r\n\r\n')],
  [
    'a Content-Length that is no number',
    sayAndStall(raw('HTTP/1.1 200 OK', ['Content-Length: many'], 'body')),
  ],
  [
    'two different lengths',
    sayAndStall(raw('HTTP/1.1 200 OK', ['Content-Length: 4', 'Content-Length: 5'], 'body')),
  ],
  ['a head that breaks off', sayAndClose('HTTP/1.1 200 OK\r\nX-Half: ')],
]) {
  test(`${what} rejects`, async (t) => {
    const origin = await startRawOrigin(t, script)
    const error = await rejection(httpRequest(`${origin.url}/`, { timeout: 10_000 }))
    assert.ok(error instanceof Error)
    assert.match(error.message, /^HTTP request failed: ./)
    assert.equal(typeof error.code, 'string')
    assert.equal(error.url, `${origin.url}/`)
  })
}

test('a head without end rejects before the time is up', async (t) => {
  const line = `X-Filler: ${'x'.repeat(1000)}\r\n`
  const origin = await startRawOrigin(t, (socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(line)) {}
    }
    socket.on('drain', more)
    socket.write('HTTP/1.1 200 OK\r\n')
    more()
  })
  const error = await rejection(httpRequest(origin.url, { timeout: 10_000 }))
  assert.ok(error instanceof Error)
  assert.notEqual(error.code, 'ERR_TIMEOUT')
})

test('TLS to a server that speaks none has the code EPROTO', async (t) => {
  const origin = await startOrigin(t)
  const error = await rejection(
    httpRequest(`https://127.0.0.1:${origin.port}/`, { timeout: 10_000 }),
  )
  assert.match(error.message, /^HTTP request failed: ./)
  assert.ok(codes(error).includes('EPROTO'), `the codes are ${codes(error)}`)
})

test('a server without common cryptography is named, and not retryable', async (t) => {
  const ciphers = 'ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA'
  const server = createServer({ key, cert, ciphers, maxVersion: 'TLSv1.2' })
  const url = `https://localhost:${await listen(t, server)}`
  const error = await rejection(httpRequest(url, { ca: cert, retries: 2, retryDelay: 1 }))
  assert.match(error.message, /no TLS version, cipher suite, .* in common/)
  assert.deepEqual([error.code, error.retryable, error.attempts], ['EPROTO', false, 1])
})

test('a malformed chunk has the code EPROTO', async (t) => {
  const chunk = raw('HTTP/1.1 200 OK', ['Transfer-Encoding: chunked'], 'zz\r\nok\r\n0\r\n\r\n')
  const origin = await startRawOrigin(t, sayAndClose(chunk))
  const error = await rejection(httpRequest(origin.url))
  assert.equal(error.code, 'EPROTO', error.message)
})

test('a certificate that nobody vouches for is refused with a code of its own', async (t) => {
  const origin = await startOrigin(t, {}, { secure: true })
  const error = await rejection(httpRequest(origin.url))
  const known = ['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']
  assert.ok(
    known.some((code) => codes(error).includes(code)),
    `the codes are ${codes(error)}`,
  )
  assert.equal(origin.requests.length, 0)
})

test('an error shows no credentials of its URL anywhere', async (t) => {
  const { port } = new URL(await unusedUrl())
  const url = `http://scott:hunter2@127.0.0.1:${port}/path?x=1`
  const destination = `${temporaryDirectory(t)}/file`
  for (const call of [() => httpRequest(url), () => httpDownload(url, destination)]) {
    const error = await rejection(call())
    assert.equal(new URL(error.url).pathname, '/path')
    for (const text of [
      error.url,
      error.message,
      error.stack,
      inspect(error),
      String(error.cause),
    ]) {
      assert.doesNotMatch(text, /hunter2/)
    }
  }
})

test('an error for a status shows no credentials of its URL either', async (t) => {
  const origin = await startOrigin(t, { status: 404 })
  const url = `http://scott:hunter2@127.0.0.1:${origin.port}/path`
  const error = await rejection(httpDownload(url, `${temporaryDirectory(t)}/file`))
  assert.equal(error.status, 404)
  assert.doesNotMatch(inspect(error), /hunter2/)
})

test('each failure is an error of its own', async () => {
  const url = await unusedUrl()
  const [first, second] = await Promise.all([
    rejection(httpRequest(url)),
    rejection(httpRequest(url)),
  ])
  assert.notEqual(first, second)
})
