// How a streamed response ends when it does not end well: destroyed, cut off, aborted, timed out or
// forgotten.

import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { finished } from 'node:stream/promises'
import { describe, test } from 'node:test'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import { pour, startFlowOrigin } from '../helpers/origins/flow-origin.mjs'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { raw, sayAndClose, sayAndReset, startRawOrigin } from '../helpers/origins/raw-origin.mjs'
import { codes, rejection, runProgram, sleep, until } from '../helpers/support.mjs'

const stream = true

/** A handler that sends the head and a few bytes and then keeps silent. */
function begin(_incoming, response) {
  response.writeHead(200, { 'Content-Length': 100_000 })
  response.write('the first bytes')
}

function endless(_incoming, response) {
  pour(response)
}

/** The error with which a stream ends once it is read; it must end with one. */
function failure(readable) {
  readable.resume()
  return rejection(finished(readable))
}

describe('a stream that its reader gives up', () => {
  for (const [how, giveUp] of [
    ['destroyed before it was read', async (readable) => readable.destroy()],
    [
      'destroyed midway',
      async (readable) => {
        await once(readable, 'data')
        readable.destroy()
      },
    ],
    [
      'left within for await',
      async (readable) => {
        for await (const _chunk of readable) break
      },
    ],
  ]) {
    test(`closes its connection when ${how}`, async (t) => {
      const origin = await startFlowOrigin(t, endless)
      const { rawResponse } = await httpRequest(origin.url, { stream })
      await giveUp(rawResponse)
      await until(() => origin.closed === 1, 'the server sees the connection close')
      await until(() => rawResponse.closed, 'the stream is closed')
      assert.equal(rawResponse.destroyed, true)
    })
  }

  test('ends with the error it was destroyed with', async (t) => {
    const origin = await startFlowOrigin(t, begin)
    const { rawResponse } = await httpRequest(origin.url, { stream })
    const reason = new Error('enough')
    const failed = rejection(finished(rawResponse))
    rawResponse.destroy(reason)
    assert.equal(await failed, reason)
    await until(() => origin.closed === 1, 'the server sees the connection close')
  })
})

describe('a stream that is cut off', () => {
  const first = 'HTTP/1.1 200 OK'
  for (const [how, known, script] of [
    [
      'by a reset',
      ['ECONNRESET'],
      sayAndReset(raw(first, ['Content-Length: 1000'], 'the first bytes')),
    ],
    [
      'by a reset between chunks',
      ['ECONNRESET'],
      sayAndReset(raw(first, ['Transfer-Encoding: chunked'], '5\r\nfirst\r\n')),
    ],
    [
      'before its Content-Length',
      ['ECONNRESET', 'ERR_BODY_LENGTH'],
      sayAndClose(raw(first, ['Content-Length: 1000'], 'the first bytes')),
    ],
    [
      'before its last chunk',
      ['ECONNRESET', 'ERR_BODY_LENGTH'],
      sayAndClose(raw(first, ['Transfer-Encoding: chunked'], '5\r\nfirst\r\n')),
    ],
  ]) {
    test(`${how} ends with an error`, async (t) => {
      const origin = await startRawOrigin(t, script)
      const { status, rawResponse } = await httpRequest(origin.url, { stream })
      assert.equal(status, 200)
      const error = await failure(rawResponse)
      assert.ok(error instanceof Error, `${error}`)
      assert.ok(
        known.some((code) => codes(error).includes(code)),
        `the codes are ${codes(error)}`,
      )
      assert.equal(rawResponse.destroyed, true)
    })
  }

  test('is not fetched again: its first bytes are out', async (t) => {
    const script = sayAndReset(raw(first, ['Content-Length: 1000'], 'the first bytes'))
    const origin = await startRawOrigin(t, script)
    const options = { stream, retries: 3, retryDelay: 1 }
    const { rawResponse } = await httpRequest(origin.url, options)
    await failure(rawResponse)
    await sleep(50)
    assert.equal(origin.heads.length, 1)
  })
})

describe('a signal', () => {
  for (const [when, handler] of [
    ['while the server is silent', begin],
    ['while bytes pour in', endless],
  ]) {
    test(`destroys the stream ${when}`, async (t) => {
      const origin = await startFlowOrigin(t, handler)
      const controller = new AbortController()
      const { signal } = controller
      const { rawResponse } = await httpRequest(origin.url, { stream, signal })
      const failed = failure(rawResponse)
      await once(rawResponse, 'data')
      const reason = new Error('no longer needed')
      controller.abort(reason)
      const error = await failed
      assert.equal(error.name, 'AbortError', `${error}`)
      assert.equal(error.code, 'ABORT_ERR')
      assert.equal(error.cause, reason)
      await until(() => origin.closed === 1, 'the server sees the connection close')
      assert.equal(getEventListeners(signal, 'abort').length, 0)
    })
  }

  test('destroys a stream that nobody has begun to read', async (t) => {
    const origin = await startFlowOrigin(t, begin)
    const controller = new AbortController()
    const { rawResponse } = await httpRequest(origin.url, { stream, signal: controller.signal })
    const failed = rejection(finished(rawResponse))
    controller.abort()
    assert.equal((await failed).name, 'AbortError')
    await until(() => origin.closed === 1, 'the server sees the connection close')
  })

  test('ends the wait for the headers', async (t) => {
    const origin = await startFlowOrigin(t, () => {})
    const controller = new AbortController()
    const promise = httpRequest(origin.url, { stream, signal: controller.signal })
    const failed = rejection(promise)
    await until(() => origin.requests.length > 0, 'the request')
    controller.abort()
    assert.equal((await failed).name, 'AbortError')
  })

  test('has no listeners left when the stream has ended', async (t) => {
    const origin = await startOrigin(t, { body: 'good' })
    const { signal } = new AbortController()
    const { rawResponse } = await httpRequest(origin.url, { stream, signal })
    rawResponse.resume()
    await finished(rawResponse)
    await until(() => getEventListeners(signal, 'abort').length === 0, 'the listener is gone')
  })

  test('has no listeners left when the stream was destroyed', async (t) => {
    const origin = await startFlowOrigin(t, begin)
    const { signal } = new AbortController()
    const { rawResponse } = await httpRequest(origin.url, { stream, signal })
    rawResponse.destroy()
    await until(() => getEventListeners(signal, 'abort').length === 0, 'the listener is gone')
  })
})

describe('the timeout', () => {
  test('covers the body of a stream', async (t) => {
    const origin = await startFlowOrigin(t, begin)
    const started = performance.now()
    const { rawResponse } = await httpRequest(origin.url, { stream, timeout: 1000 })
    const error = await failure(rawResponse)
    const elapsed = performance.now() - started
    assert.equal(error.message, 'Request timed out after 1000ms')
    assert.equal(error.code, 'ERR_TIMEOUT')
    assert.ok(elapsed >= 990 && elapsed < 10_000, `took ${elapsed} ms`)
    await until(() => origin.closed === 1, 'the server sees the connection close')
  })

  test('covers the wait for the headers', async (t) => {
    const origin = await startFlowOrigin(t, () => {})
    const error = await rejection(httpRequest(origin.url, { stream, timeout: 200 }))
    assert.equal(error.message, 'Request timed out after 200ms')
    assert.equal(error.code, 'ERR_TIMEOUT')
  })

  test('does not touch a stream that has ended', async (t) => {
    const origin = await startOrigin(t, { body: 'good' })
    const { rawResponse } = await httpRequest(origin.url, { stream, timeout: 600 })
    rawResponse.on('error', (error) => assert.fail(error))
    rawResponse.resume()
    await finished(rawResponse)
    await sleep(700)
    assert.equal(rawResponse.errored ?? null, null)
  })
})

describe('a process with a stream that nobody reads', () => {
  for (const [what, handler] of [
    ['of a few bytes', (_incoming, response) => response.end('a few bytes')],
    ['that stalls until it times out', begin],
    ['that never stops until it times out', endless],
    [
      'that is cut off',
      (_incoming, response) => {
        response.writeHead(200, { 'Content-Length': 100_000 })
        response.write('the first bytes')
        setTimeout(() => response.socket?.resetAndDestroy(), 100)
      },
    ],
  ]) {
    test(`${what} ends by itself, without a crash`, async (t) => {
      const origin = await startFlowOrigin(t, handler)
      const result = await runProgram('stream-unread.mjs', ['wait', origin.url])
      const { code, signal, stderr, stdout } = result
      assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
      assert.equal(stdout, 'settled: 200\n')
    })
  }

  test('can leave by process.exit', async (t) => {
    const origin = await startFlowOrigin(t, endless)
    const result = await runProgram('stream-unread.mjs', ['exit', origin.url])
    const { code, signal, stderr } = result
    assert.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: '' })
  })
})
