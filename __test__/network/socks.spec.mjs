// SOCKS proxies: who looks names up, users, and proxies that refuse or are not there.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { describe, test } from 'node:test'
import { httpGetText, httpRequest } from '@socketsecurity/registry'
import { listen } from '../helpers/origins/listen.mjs'
import { cert, key } from '../helpers/origins/localhost-certificate.mjs'
import { startRawOrigin } from '../helpers/origins/raw-origin.mjs'
import { startSocks } from '../helpers/origins/socks-origin.mjs'
import { rejection } from '../helpers/support.mjs'

async function serve(t, tls, seen = []) {
  const greet = ({ headers }, response) => {
    seen.push(headers)
    response.end('hello')
  }
  const server = tls ? createHttpsServer(tls, greet) : createServer(greet)
  return listen(t, server)
}

for (const [scheme, asked] of [
  ['socks4', '4 127.0.0.1'],
  ['socks4a', '4 localhost'],
  ['socks5', '5 127.0.0.1'],
  ['socks5h', '5 localhost'],
]) {
  test(`${scheme} carries http and https, and requests ${asked.slice(2)}`, async (t) => {
    const free = await serve(t)
    const proxy = await startSocks(t, { port: free })
    const through = { proxy: `${scheme}://${proxy.host}` }
    assert.equal(await httpGetText(`http://localhost:${free}/`, through), 'hello')
    const secured = await serve(t, { key, cert })
    const other = await startSocks(t, { port: secured })
    const secure = { proxy: `${scheme}://${other.host}`, ca: cert }
    assert.equal(await httpGetText(`https://localhost:${secured}/`, secure), 'hello')
    assert.deepEqual(proxy.requests, [`${asked}:${free}`])
    assert.deepEqual(other.requests, [`${asked}:${secured}`])
  })
}

test('the usual port is named to the proxy, too', async (t) => {
  const proxy = await startSocks(t, { port: await serve(t) })
  assert.equal(
    await httpGetText('http://origin.test/', { proxy: `socks5h://${proxy.host}` }),
    'hello',
  )
  assert.deepEqual(proxy.requests, ['5 origin.test:80'])
})

test('user and password are decoded, for the proxy alone, and never shown', async (t) => {
  const seen = []
  const port = await serve(t, undefined, seen)
  const proxy = await startSocks(t, { port, credentials: 'us@er:s%cret' })
  const good = { proxy: `socks5h://us%40er:s%25cret@${proxy.host}` }
  assert.equal(await httpGetText('http://origin.test/', good), 'hello')
  assert.equal(seen[0]['proxy-authorization'], undefined)
  for (const user of ['', 'other:secret@']) {
    const error = await rejection(
      httpRequest('http://origin.test/', { proxy: `socks5h://${user}${proxy.host}` }),
    )
    assert.ok(error.message.includes(proxy.host), error.message)
    assert.doesNotMatch(JSON.stringify([error.message, error, `${error.cause}`]), /secret/)
  }
})

describe('a proxy', () => {
  test('that refuses is named', async (t) => {
    for (const scheme of ['socks4a', 'socks5h']) {
      const proxy = await startSocks(t, {})
      const error = await rejection(
        httpRequest('http://origin.test/', { proxy: `${scheme}://${proxy.host}` }),
      )
      assert.ok(error.message.includes(proxy.host), error.message)
      assert.equal(error.syscall, 'connect')
    }
  })

  test('that is not there gives the code of the system', async () => {
    for (const scheme of ['socks4', 'socks4a', 'socks5', 'socks5h']) {
      const error = await rejection(
        httpRequest('http://127.0.0.1/', { proxy: `${scheme}://u:secret@127.0.0.1:1` }),
      )
      assert.equal(error.code, 'ECONNREFUSED')
      assert.match(error.message, /127\.0\.0\.1:1\b/)
      assert.doesNotMatch(error.message, /secret/)
    }
  })

  test('whose name nobody knows gives ENOTFOUND or EAI_AGAIN', async () => {
    const error = await rejection(
      httpRequest('http://127.0.0.1/', { proxy: 'socks5h://proxy.invalid:1080' }),
    )
    assert.match(error.code, /^(ENOTFOUND|EAI_AGAIN)$/)
    assert.match(error.message, /proxy\.invalid/)
  })

  test('that sends nothing ends by connectTimeout', async (t) => {
    const origin = await startRawOrigin(t, () => {})
    const error = await rejection(
      httpRequest('http://origin.test/', {
        proxy: `socks5h://127.0.0.1:${origin.port}`,
        connectTimeout: 100,
      }),
    )
    assert.equal(error.code, 'ERR_TIMEOUT')
    assert.match(error.message, /Connecting timed out after 100ms/)
  })
})
