// Callers of one process share a download; what a callback of one does is nothing to the others.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { listen } from '../helpers/origins/listen.mjs'
import { temporaryDirectory, until } from '../helpers/support.mjs'

test('an onRetry that throws ends the call of its owner only', async (t) => {
  let count = 0
  const server = createServer((_, response) => {
    count += 1
    const respond = () => (count === 1 ? response.writeHead(503).end() : response.end('whole'))
    // Time for the others to join.
    setTimeout(respond, count === 1 ? 200 : 0)
  })
  const port = await listen(t, server)
  const url = `http://127.0.0.1:${port}/`
  const path = join(temporaryDirectory(t), 'file')
  const thrown = new RangeError('mine')
  const onRetry = () => {
    throw thrown
  }
  const options = { retries: 2, retryDelay: 1 }
  const calls = [downloadWithLock(url, path, { ...options, onRetry })]
  // The download, and so its onRetry, is that of the first.
  await until(() => count === 1, 'the first call has begun')
  for (let index = 0; index < 2; index += 1) calls.push(downloadWithLock(url, path, options))
  const [first, ...others] = await Promise.allSettled(calls)
  assert.equal(first.reason, thrown)
  for (const { status, reason } of others) assert.equal(status, 'fulfilled', String(reason))
  assert.equal(readFileSync(path, 'utf8'), 'whole')
  assert.equal(count, 2)
})
