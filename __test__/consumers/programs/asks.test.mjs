// With Vitest, also with its fake timers; the URL comes from the environment.

import { httpGetJson } from '@socketsecurity/registry/lib/http-request'
import { expect, test, vi } from 'vitest'

test('a request', async () => {
  expect(await httpGetJson(process.env.ORIGIN)).toEqual({ fine: true })
})

for (const transport of ['native', 'node']) {
  test(`a request while the clock stands still: ${transport}`, async () => {
    vi.useFakeTimers()
    try {
      expect(await httpGetJson(process.env.ORIGIN, { transport })).toEqual({ fine: true })
    } finally {
      vi.useRealTimers()
    }
  })
}
