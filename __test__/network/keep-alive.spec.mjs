import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { raw, sayAndStall, startRawOrigin } from '../helpers/origins/raw-origin.mjs'
import { rejection } from '../helpers/support.mjs'

const good = raw('HTTP/1.1 200 OK', ['Content-Length: 4'], 'good')

test('requests one after another share a connection', async (t) => {
  const origin = await startOrigin(t, [{ body: 'a' }, { status: 404 }, { status: 204 }, {}])
  for (let round = 0; round < 10; round += 1) {
    await httpRequest(origin.url, { method: round % 2 ? 'POST' : 'GET' })
  }
  assert.equal(origin.requests.length, 10)
  assert.equal(origin.connections, 1)
})

test('a connection that the server wants closed is not used again', async (t) => {
  const origin = await startOrigin(t, { headers: { Connection: 'close' } })
  for (let round = 0; round < 3; round += 1) {
    await httpRequest(origin.url)
  }
  assert.equal(origin.connections, 3)
})

test('every GET succeeds at a server that hangs up after each response', async (t) => {
  const origin = await startRawOrigin(t, (socket) => socket.end(good))
  for (let round = 0; round < 300; round += 1) {
    assert.equal((await httpRequest(origin.url)).text(), 'good')
  }
})

test('no POST arrives twice at a server that hangs up after each response', async (t) => {
  const origin = await startRawOrigin(t, (socket) => socket.end(good))
  const paths = Array.from({ length: 100 }, (_, index) => `/${index}`)
  for (const path of paths) {
    await httpRequest(origin.url + path, { method: 'POST', body: 'x' }).catch(() => {})
  }
  const arrived = origin.heads.map((head) => head.split(' ')[1])
  assert.equal(new Set(arrived).size, arrived.length)
})

test('a POST that was lost on an idle connection is not sent again', async (t) => {
  const origin = await startRawOrigin(t, [
    sayAndStall(good),
    (socket) => socket.destroy(),
    sayAndStall(good),
  ])
  assert.equal((await httpRequest(origin.url)).text(), 'good')
  await rejection(httpRequest(origin.url, { method: 'POST' }))
  assert.equal(origin.heads.length, 2)
})

test('a GET on a new connection that was dropped is not sent again', async (t) => {
  const origin = await startRawOrigin(t, [(socket) => socket.destroy(), sayAndStall(good)])
  await rejection(httpRequest(origin.url))
  assert.equal(origin.heads.length, 1)
})

test('unsolicited bytes are not taken for the next response', async (t) => {
  const smuggled = raw('HTTP/1.1 200 OK', ['Content-Length: 8'], 'smuggled')
  const origin = await startRawOrigin(t, (socket, index) =>
    socket.write(index === 0 ? Buffer.concat([good, smuggled]) : good),
  )
  assert.equal((await httpRequest(origin.url)).text(), 'good')
  assert.equal((await httpRequest(origin.url)).text(), 'good')
})
