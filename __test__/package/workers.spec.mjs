// Workers that end: while their calls are under way, and before others begin.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import '../helpers/origins/no-proxy.mjs'
import { runProgram, temporaryDirectory } from '../helpers/support.mjs'

test('200 Workers terminated in the midst of everything leave nothing behind', async (t) => {
  const directory = temporaryDirectory(t)
  const args = ['200', directory]
  const ended = await runProgram('terminate-workers.mjs', args, { limit: 600_000 })
  assert.deepEqual(
    { code: ended.code, signal: ended.signal, stderr: ended.stderr },
    { code: 0, signal: null, stderr: '' },
  )
  const { grown, connections, left } = JSON.parse(ended.stdout)
  assert.equal(connections, 0)
  assert.deepEqual(left, [])
  assert.ok(grown < 200 << 20, `${grown >> 20} MB`)
})

test('Workers may load the addon, end, and leave it to others', async (t) => {
  const ended = await runProgram('workers-alone.mjs', [temporaryDirectory(t)], { limit: 120_000 })
  assert.deepEqual(
    { code: ended.code, signal: ended.signal, stderr: ended.stderr },
    { code: 0, signal: null, stderr: '' },
  )
})

for (const how of ['no callback', 'a subscriber', 'node:http', 'onRetry', 'hooks']) {
  test(`a download continues for a second Worker when the first ends, with ${how}`, async (t) => {
    const args = [how, temporaryDirectory(t)]
    const { code, stdout, stderr } = await runProgram('shared-by-workers.mjs', args)
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '3 bytes', stderr: '' })
  })
}
