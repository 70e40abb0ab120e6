// With Vitest; the URL comes from the environment.

import { httpGetJson } from '@socketsecurity/registry/lib/http-request'
import { expect, test } from 'vitest'

test('a request', async () => {
  expect(await httpGetJson(process.env.ORIGIN)).toEqual({ fine: true })
})
