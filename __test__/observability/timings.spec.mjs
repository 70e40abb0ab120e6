// How long the parts of an attempt took.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { HttpClient, httpDownload, httpRequest } from '@socketsecurity/registry'
import { cert, key } from '../helpers/origins/localhost-certificate.mjs'
import '../helpers/origins/no-proxy.mjs'
import { temporaryDirectory } from '../helpers/support.mjs'

/** A server that takes 60 ms to its head, and 60 ms more to the end of its body. */
async function serve(t, secure = false) {
  const listener = async (request, response) => {
    if (request.url === '/redirect') {
      response.writeHead(302, { location: '/' }).end()
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 60))
    response.write('first')
    setTimeout(() => response.end('last'), 60)
  }
  const server = secure ? createSecureServer({ key, cert }, listener) : createServer(listener)
  server.listen(0)
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `${secure ? 'https' : 'http'}://localhost:${server.address().port}`
}

function assertOrdered({ dns = 0, connect = 0, firstByte, total }) {
  assert.ok(dns >= 0 && connect >= 0, `${dns} ${connect}`)
  assert.ok(firstByte >= 55 && dns + connect <= firstByte, `${dns} ${connect} ${firstByte}`)
  // A process that is late sees both halves of the body at once.
  assert.ok(total >= firstByte && total >= 110 && total < 20_000, `${firstByte} ${total}`)
}

test('a new connection has its parts, one that is used again has none', async (t) => {
  const url = await serve(t)
  const first = await httpRequest(url)
  assert.deepEqual(Object.keys(first.timings), ['dns', 'connect', 'firstByte', 'total'])
  assertOrdered(first.timings)
  const second = await httpRequest(url)
  assert.deepEqual(Object.keys(second.timings), ['firstByte', 'total'])
  assertOrdered(second.timings)
})

test('an address needs no lookup', async (t) => {
  const { port } = new URL(await serve(t))
  const { timings } = await httpRequest(`http://127.0.0.1:${port}`)
  assert.deepEqual(Object.keys(timings), ['connect', 'firstByte', 'total'])
})

test('connecting includes the handshake', async (t) => {
  const { timings } = await httpRequest(await serve(t, true), { ca: cert })
  assert.deepEqual(Object.keys(timings), ['dns', 'connect', 'firstByte', 'total'])
  assert.ok(timings.connect > 0)
  assertOrdered(timings)
})

test('a request with a body has the same parts', async (t) => {
  const url = await serve(t)
  const { timings } = await httpRequest(url, { method: 'POST', body: 'x'.repeat(100_000) })
  assert.deepEqual(Object.keys(timings), ['dns', 'connect', 'firstByte', 'total'])
  assertOrdered(timings)
})

test('they are of the attempt that brought the response', async (t) => {
  let requests = 0
  const server = createServer((_, response) => {
    requests += 1
    const isFirst = requests === 1
    setTimeout(() => response.writeHead(isFirst ? 503 : 200).end(), isFirst ? 1500 : 0)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${server.address().port}`
  const response = await httpRequest(url, { retries: 1, retryDelay: 1 })
  assert.equal(response.attempts, 2)
  assert.ok(response.timings.total < 1400, `${response.timings.total}`)
})

test('a response is as plain as before: nobody sees them who does not look', async (t) => {
  const response = await httpRequest(await serve(t))
  assert.ok(!Object.keys(response).includes('timings'))
  assert.ok(!('timings' in { ...response }))
  assert.ok(!JSON.stringify(response).includes('firstByte'))
  assert.notEqual(response.timings, undefined)
  assert.deepEqual(response.timings, response.timings)
})

test('a streamed response has them up to its head', async (t) => {
  const { rawResponse, timings } = await httpRequest(await serve(t), { stream: true })
  assert.equal(timings.total, timings.firstByte)
  await rawResponse.toArray()
})

test('a download has those of its last attempt, a file that was there has none', async (t) => {
  const url = await serve(t)
  const path = join(temporaryDirectory(t), 'file')
  const { timings } = await httpDownload(`${url}/redirect`, path)
  assertOrdered(timings)
  const { downloadWithLock } = await import('@socketsecurity/registry')
  const cached = await downloadWithLock(url, path)
  assert.equal(cached.timings, undefined)
})

test('a response from a cache has none', async (t) => {
  const baseUrl = await serve(t)
  const client = new HttpClient({ baseUrl, cache: true, cacheDir: temporaryDirectory(t) })
  const first = await client.request('/')
  assertOrdered(first.timings)
  const second = await client.request('/')
  assert.equal(second.attempts, 0)
  assert.equal(second.timings, undefined)
})
