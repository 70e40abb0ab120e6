// With clocks that a test has stopped, calls end all the same: timeouts, delays and locks go by
// native ones.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { downloadWithLock, httpRequest } from '@socketsecurity/registry'
import nock from 'nock'
import { silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

// The fake timers of Vitest and of Jest.
const sinon = createRequire(import.meta.url)('@sinonjs/fake-timers')

const clocks = {
  'node:test': (t) => t.mock.timers.enable(),
  'Sinon, Vitest and Jest': (t) => {
    // As Vitest does by default: not nextTick and queueMicrotask.
    const toFake = Object.keys(sinon.timers).filter(
      (name) => !['nextTick', 'queueMicrotask'].includes(name),
    )
    const clock = sinon.install({ toFake })
    t.after(() => clock.uninstall())
  },
}

nock.restore()

for (const [name, stop] of Object.entries(clocks)) {
  describe(`the clocks of ${name}`, () => {
    for (const transport of ['native', 'node']) {
      test(`do not hold up a request, its retries and its timeout: ${transport}`, async (t) => {
        const origin = await startOrigin(t, [{ status: 503 }, { body: 'x' }, silence])
        stop(t)
        const response = await httpRequest(origin.url, { transport, retries: 1, retryDelay: 50 })
        assert.equal(response.attempts, 2)
        const error = await rejection(httpRequest(origin.url, { transport, timeout: 100 }))
        assert.equal(error.code, 'ERR_TIMEOUT')
      })

      test(`do not hold up a download under a lock: ${transport}`, async (t) => {
        const origin = await startOrigin(t, { body: 'x'.repeat(100_000) })
        const directory = temporaryDirectory(t)
        stop(t)
        const calls = [1, 2].map(() =>
          downloadWithLock(origin.url, join(directory, 'file'), { transport }),
        )
        for (const { size } of await Promise.all(calls)) assert.equal(size, 100_000)
      })
    }

    test('do not hold up nock', async (t) => {
      nock.activate()
      t.after(() => nock.restore())
      nock('https://api.example.test').get('/').reply(200, 'mocked')
      stop(t)
      assert.equal((await httpRequest('https://api.example.test')).text(), 'mocked')
    })
  })
}
