// What the garbage collector takes: signals of calls that have ended, and promises that nobody can
// settle any more.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { httpDownload, httpRequest } from '@socketsecurity/registry'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { unusedUrl } from '../helpers/origins/raw-origin.mjs'
import { sleep, temporaryDirectory, until } from '../helpers/support.mjs'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')

describe('the signal of a call that has ended is collected', () => {
  for (const [what, options, url, status = 200] of [
    ['a body in memory', {}],
    ['a stream', { stream: true }],
    ['a stream that failed', { stream: true }, unusedUrl],
    ['a refused status', { stream: true, throwOnError: true }, undefined, 404],
  ]) {
    test(`of ${what}`, async (t) => {
      const origin = await startOrigin(t, { status, body: 'x' })
      const target = (await url?.()) ?? origin.url
      let collected = 0
      const registry = new FinalizationRegistry(() => {
        collected += 1
      })
      const call = async () => {
        const { signal } = new AbortController()
        registry.register(signal)
        const response = await httpRequest(target, { ...options, signal }).catch(() => undefined)
        if (options.stream && response) {
          response.rawResponse.resume()
          await once(response.rawResponse, 'close')
        }
      }
      for (let count = 0; count < 50; count += 1) await call()
      await until(() => {
        gc()
        return collected >= 45
      }, `45 of 50 signals are collected`)
    })
  }
})

describe('a callback whose promise never settles', () => {
  const never = () => new Promise(() => {})

  /** Runs a call while garbage is collected. */
  async function collecting(call) {
    const timer = setInterval(gc, 20)
    return call.finally(() => clearInterval(timer))
  }

  function startSlowly(t) {
    return startOrigin(t, async (_, response) => {
      response.writeHead(200, { 'Content-Length': 10_000 })
      for (let count = 0; count < 10; count += 1) {
        response.write(Buffer.alloc(1000))
        await sleep(60)
      }
      response.end()
    })
  }

  for (const [name, options] of [
    ['onProgress', { onProgress: never }],
    ['logger.log', { logger: { log: never }, progressInterval: 10 }],
  ]) {
    test(`does not fail the download: ${name}`, async (t) => {
      const origin = await startSlowly(t)
      const file = join(temporaryDirectory(t), 'file')
      assert.equal((await collecting(httpDownload(origin.url, file, options))).size, 10_000)
    })
  }

  test('is awaited until the call is aborted: onRetry', async (t) => {
    const origin = await startOrigin(t, { status: 503 })
    const signal = AbortSignal.timeout(700)
    const options = { retries: 1, retryDelay: 1, onRetry: never, signal }
    const error = await collecting(httpRequest(origin.url, options).catch((reason) => reason))
    assert.equal(error.name, 'AbortError')
    assert.equal(origin.requests.length, 1)
  })
})
