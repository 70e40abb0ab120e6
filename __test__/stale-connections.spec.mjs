// Several kept-alive connections that the server has given up on: a call needs a new one, not
// another of those.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { httpDownload, httpRequest } from '@socketsecurity/registry/lib/http-request'
import { raw, startRawOrigin } from './origins/raw-origin.mjs'
import { temporaryDirectory, until } from './support.mjs'

const KEPT = 4
const answer = raw('HTTP/1.1 200 OK', ['Content-Length: 2'], 'ok')

/** A server that resets a connection at its second request, when several connections are kept. */
async function startForgetfulOrigin(t) {
  const used = new WeakSet()
  const waiting = []
  const origin = await startRawOrigin(t, (socket, index) => {
    if (used.has(socket)) return socket.resetAndDestroy()
    used.add(socket)
    if (index < KEPT) waiting.push(socket)
    else socket.write(answer)
  })
  const first = Array.from({ length: KEPT }, () => httpRequest(origin.url))
  await until(() => waiting.length === KEPT, 'each request has a connection')
  for (const socket of waiting) socket.write(answer)
  await Promise.all(first)
  return origin
}

describe('when all kept connections are dead at the server', () => {
  test('a request succeeds all the same', async (t) => {
    const origin = await startForgetfulOrigin(t)
    assert.equal((await httpRequest(origin.url)).text(), 'ok')
  })

  test('a download succeeds all the same', async (t) => {
    const origin = await startForgetfulOrigin(t)
    const destination = join(temporaryDirectory(t), 'file')
    await httpDownload(origin.url, destination)
    assert.equal(readFileSync(destination, 'utf8'), 'ok')
  })
})
