// The demos keep what they promise.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { environment } from '../helpers/command.mjs'

const DEMO = fileURLToPath(new URL('../../demo/main.mjs', import.meta.url))

describe('the demo', { concurrency: true }, () => {
  for (const [what, args] of [
    ['of eight processes', []],
    ['of three servers', ['--mirrors']],
  ]) {
    test(`${what} shows progress, and every promise holds`, async () => {
      const env = environment()
      const { stdout } = await promisify(execFile)(process.execPath, [DEMO, ...args], { env })
      assert.match(stdout, /downloads {2}50%$/m)
      assert.match(stdout, /\nAll of it kept\.\n$/)
      assert.doesNotMatch(stdout, /✗/)
    })
  }

  test('prints its usage', async () => {
    const { code, stderr } = await promisify(execFile)(process.execPath, [DEMO, '--nope'])
      .then(() => ({}))
      .catch((error) => error)
    assert.equal(code, 1)
    assert.match(stderr, /^Usage: npm run demo/)
  })
})
