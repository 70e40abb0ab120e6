// Callbacks may be async functions. One that rejects ends its call, as one that throws does.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { httpDownload, httpRequest } from '@socketsecurity/registry/lib/http-request'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, sleep, temporaryDirectory } from '../helpers/support.mjs'

const reason = new Error('from the callback')

/** Fails the test if a rejection is nobody's. */
function watchRejections(t) {
  const unhandled = []
  const listener = (each) => unhandled.push(each)
  process.on('unhandledRejection', listener)
  t.after(async () => {
    await sleep(20)
    process.off('unhandledRejection', listener)
    assert.deepEqual(unhandled, [])
  })
}

/** A server that takes its time for each part of a body. */
async function startSlow(t) {
  const part = Buffer.alloc(10_000)
  return startOrigin(t, async (_request, response) => {
    response.writeHead(200, { 'Content-Length': part.length * 10 })
    for (let index = 0; index < 10 && !response.destroyed; index += 1) {
      response.write(part)
      await sleep(60)
    }
    response.end()
  })
}

const REJECTIONS = {
  'at once': async () => {
    throw reason
  },
  'after its first await': async () => {
    await sleep(30)
    throw reason
  },
}

for (const [name, call] of Object.entries({ httpDownload, downloadWithLock })) {
  describe(name, () => {
    for (const [when, callback] of Object.entries(REJECTIONS)) {
      for (const [option, options] of [
        ['onProgress', { onProgress: callback }],
        ['logger', { logger: { log: callback } }],
      ]) {
        test(`rejects with what ${option} rejects with ${when}`, async (t) => {
          watchRejections(t)
          const origin = await startSlow(t)
          const path = join(temporaryDirectory(t), 'file')
          assert.equal(await rejection(call(origin.url, path, options)), reason)
          assert.equal(existsSync(path), false)
        })
      }
    }

    test('rejects with what the last onProgress rejects with at once', async (t) => {
      watchRejections(t)
      const origin = await startOrigin(t, { body: 'x' })
      const path = join(temporaryDirectory(t), 'file')
      const onProgress = async (downloaded, total) => {
        if (downloaded === total) throw reason
      }
      assert.equal(await rejection(call(origin.url, path, { onProgress })), reason)
    })

    test('does not wait for an onProgress that never ends', async (t) => {
      const origin = await startOrigin(t, { body: 'x' })
      const path = join(temporaryDirectory(t), 'file')
      const { size } = await call(origin.url, path, { onProgress: () => new Promise(() => {}) })
      assert.equal(size, 1)
    })

    test('ignores an onProgress that rejects after the call', async (t) => {
      watchRejections(t)
      const origin = await startOrigin(t, { body: 'x' })
      const path = join(temporaryDirectory(t), 'file')
      let rejected
      const onProgress = () => {
        rejected = sleep(200).then(() => {
          throw reason
        })
        return rejected
      }
      assert.equal((await call(origin.url, path, { onProgress })).size, 1)
      await assert.rejects(rejected)
    })
  })
}

describe('an async onRetry', () => {
  const options = { retries: 2, retryDelay: 1 }

  test('is awaited, and its value counts', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, { status: 503 }, {}])
    const onRetry = async (attempt) => {
      await sleep(5)
      return attempt === 1 ? 0 : false
    }
    const { status } = await httpRequest(origin.url, { ...options, onRetry })
    assert.equal(status, 503)
    assert.equal(origin.requests.length, 2)
  })

  for (const [when, onRetry] of Object.entries(REJECTIONS)) {
    test(`rejects the call when it rejects ${when}`, async (t) => {
      watchRejections(t)
      const origin = await startOrigin(t, { status: 503 })
      assert.equal(await rejection(httpRequest(origin.url, { ...options, onRetry })), reason)
      assert.equal(origin.requests.length, 1)
    })
  }

  test('that never ends is ended by the signal', async (t) => {
    const origin = await startOrigin(t, { status: 503 })
    const onRetry = () => new Promise(() => {})
    const signal = AbortSignal.timeout(100)
    const error = await rejection(httpRequest(origin.url, { ...options, onRetry, signal }))
    assert.equal(error.name, 'AbortError')
  })

  test('may be a promise of another library', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, {}])
    const onRetry = () => {
      const promise = Promise.resolve(false)
      return {
        // biome-ignore lint/suspicious/noThenProperty: it is a promise
        then: (...all) => promise.then(...all),
        catch: (...all) => promise.catch(...all),
      }
    }
    assert.equal((await httpRequest(origin.url, { ...options, onRetry })).status, 503)
    assert.equal(origin.requests.length, 1)
  })
})
