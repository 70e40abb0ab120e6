// Proxies, as the environment of the caller or he himself names them.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { httpDownload, httpGetText, httpRequest } from '@socketsecurity/registry'
import { listen } from '../helpers/origins/listen.mjs'
import { cert, key } from '../helpers/origins/localhost-certificate.mjs'
import '../helpers/origins/no-proxy.mjs'
import { startProxy } from '../helpers/origins/proxy-origin.mjs'
import { rejection, sleep, temporaryDirectory } from '../helpers/support.mjs'

async function serve(t, listener, tls) {
  const server = tls ? createHttpsServer(tls, listener) : createServer(listener)
  return listen(t, server)
}

const greet = (_, response) => response.end('hello')

const NAMES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy']
const BOTH_CASES = NAMES.flatMap((name) => [name, name.toUpperCase()])
afterEach(() => {
  for (const name of BOTH_CASES) delete process.env[name]
})

describe('the environment', () => {
  for (const name of ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY']) {
    test(`${name} is for http, and read at the call`, async (t) => {
      const proxy = await startProxy(t, { port: await serve(t, greet) })
      process.env[name] = `http://${proxy.host}`
      assert.equal(await httpGetText('http://origin.test/path'), 'hello')
      const [{ method, url, headers }] = proxy.requests
      assert.deepEqual([method, url], ['GET', 'http://origin.test/path'])
      assert.equal(headers.host, 'origin.test')
      assert.equal(headers['proxy-authorization'], undefined)
    })
  }

  for (const name of ['https_proxy', 'HTTPS_PROXY', 'ALL_PROXY']) {
    test(`${name} is for https, by CONNECT`, async (t) => {
      const port = await serve(t, greet, { key, cert })
      const proxy = await startProxy(t, { port, credentials: 'us@er:p:w' })
      process.env[name] = `us%40er:p%3Aw@${proxy.host}`
      const headers = { Authorization: 'Bearer secret' }
      assert.equal(await httpGetText(`https://localhost:${port}/`, { ca: cert, headers }), 'hello')
      const [{ method, url, headers: seen }] = proxy.requests
      assert.deepEqual([method, url], ['CONNECT', `localhost:${port}`])
      assert.equal(seen.authorization, undefined)
    })
  }

  test('lower case wins, and what is empty is not set', async (t) => {
    const proxy = await startProxy(t, { port: await serve(t, greet) })
    process.env.HTTP_PROXY = 'http://127.0.0.1:1'
    process.env.http_proxy = proxy.host
    assert.equal(await httpGetText('http://origin.test/'), 'hello')
    process.env.HTTP_PROXY = proxy.host
    process.env.http_proxy = ''
    assert.equal(await httpGetText('http://origin.test/'), 'hello')
  })

  test('NO_PROXY names what is reached directly', async (t) => {
    const port = await serve(t, greet)
    const proxy = await startProxy(t, { port })
    process.env.HTTP_PROXY = proxy.host
    const direct = [
      '*',
      '127.0.0.1',
      `127.0.0.1:${port}`,
      '127.0.0.0/8',
      'x, 127.0.0.1',
      'x 127.0.0.1',
      'x\n127.0.0.1\n',
    ]
    for (const list of direct) {
      process.env.NO_PROXY = list
      assert.equal(await httpGetText(`http://127.0.0.1:${port}/`), 'hello')
      assert.equal(proxy.requests.length, 0, list)
    }
    for (const list of [
      '127.0.0.2',
      '127.0.0.1:1',
      '10.0.0.0/8',
      '0.0.1',
      'localhost',
      '127.*',
      'x;127.0.0.1',
    ]) {
      process.env.NO_PROXY = list
      proxy.requests.length = 0
      assert.equal(await httpGetText(`http://127.0.0.1:${port}/`), 'hello')
      assert.equal(proxy.requests.length, 1, list)
    }
  })

  test('each redirect chooses anew', async (t) => {
    const direct = await serve(t, greet)
    const redirecting = await serve(t, (_, response) =>
      response.writeHead(302, { Location: `http://127.0.0.1:${direct}/` }).end(),
    )
    const proxy = await startProxy(t, { port: redirecting })
    process.env.HTTP_PROXY = proxy.host
    process.env.NO_PROXY = '127.0.0.1'
    assert.equal(await httpGetText('http://origin.test/'), 'hello')
    assert.deepEqual(proxy.requests.length, 1)
  })

  test('HTTP_PROXY is not read in a CGI program, where clients set it', async (t) => {
    const port = await serve(t, greet, { key, cert })
    const proxy = await startProxy(t, { port: await serve(t, greet) })
    const tunnel = await startProxy(t, { port })
    t.after(() => delete process.env.REQUEST_METHOD)
    process.env.HTTP_PROXY = proxy.host
    await httpGetText('http://origin.test/')
    assert.equal(proxy.requests.length, 1)
    process.env.REQUEST_METHOD = 'GET'
    const direct = await serve(t, greet)
    assert.equal(await httpGetText(`http://127.0.0.1:${direct}/`), 'hello')
    assert.equal(proxy.requests.length, 1)
    process.env.HTTPS_PROXY = tunnel.host
    assert.equal(await httpGetText(`https://localhost:${port}/`, { ca: cert }), 'hello')
    assert.equal(tunnel.requests.length, 1)
    process.env.http_proxy = proxy.host
    await httpGetText('http://origin.test/')
    assert.equal(proxy.requests.length, 2)
    // And again where it is none.
    delete process.env.http_proxy
    delete process.env.REQUEST_METHOD
    await httpGetText('http://origin.test/')
    assert.equal(proxy.requests.length, 3)
  })

  test('a value that is no proxy is an error without that value', async () => {
    process.env.HTTP_PROXY = 'gopher://user:secret@proxy'
    const error = await rejection(httpGetText('http://origin.test/'))
    assert.match(error.message, /HTTP_PROXY/)
    assert.doesNotMatch(error.message, /secret/)
  })
})

describe('the option proxy', () => {
  test('wins over the environment, false is none', async (t) => {
    const port = await serve(t, greet)
    const proxy = await startProxy(t, { port })
    process.env.HTTP_PROXY = 'http://127.0.0.1:1'
    process.env.NO_PROXY = '*'
    assert.equal(
      await httpGetText('http://origin.test/', { proxy: `http://${proxy.host}` }),
      'hello',
    )
    assert.equal(
      await httpGetText('http://origin.test/', { proxy: new URL(`http://${proxy.host}`) }),
      'hello',
    )
    delete process.env.NO_PROXY
    assert.equal(await httpGetText(`http://127.0.0.1:${port}/`, { proxy: false }), 'hello')
    assert.equal(proxy.requests.length, 2)
  })

  test('takes a user with a domain, as curl does', async (t) => {
    const plain = await serve(t, greet)
    const secured = await serve(t, greet, { key, cert })
    const credentials = 'DOMAIN\\user:pa\\ss'
    for (const [port, url] of [
      [plain, 'http://origin.test/'],
      [secured, `https://localhost:${secured}/`],
    ]) {
      const proxy = await startProxy(t, { port, credentials })
      const options = { proxy: `http://${credentials}@${proxy.host}`, ca: cert }
      assert.equal(await httpGetText(url, options), 'hello')
      process.env.ALL_PROXY = `${credentials}@${proxy.host}\n`
      assert.equal(await httpGetText(url, { ca: cert }), 'hello')
      assert.equal(proxy.requests.length, 2)
    }
  })

  test('is for downloads as well', async (t) => {
    const proxy = await startProxy(t, { port: await serve(t, greet) })
    const path = join(temporaryDirectory(t), 'file')
    await httpDownload('http://origin.test/', path, { proxy: `http://${proxy.host}` })
    assert.equal(readFileSync(path, 'utf8'), 'hello')
  })

  test('connections are not shared between users', async (t) => {
    const port = await serve(t, greet)
    const proxy = await startProxy(t, { port, credentials: 'a:a' })
    const good = { proxy: `http://a:a@${proxy.host}` }
    assert.equal(await httpGetText('http://origin.test/', good), 'hello')
    assert.equal(
      (await rejection(httpGetText('http://origin.test/', { proxy: `http://b:b@${proxy.host}` })))
        .status,
      407,
    )
  })
})

describe('a proxy that refuses', () => {
  for (const url of ['http://origin.test/', 'https://origin.test/']) {
    test(`407 for ${url} names it, without its password`, async (t) => {
      const proxy = await startProxy(t, { credentials: 'a:b' })
      for (const [user, pattern] of [
        ['', /requires a user name and password/],
        ['me:secret@', /refuses the user and password/],
      ]) {
        const error = await rejection(httpRequest(url, { proxy: `http://${user}${proxy.host}` }))
        assert.equal(error.status, 407)
        assert.match(error.message, pattern)
        assert.ok(error.message.includes(proxy.host), error.message)
        assert.doesNotMatch(JSON.stringify([error.message, error, `${error.cause}`]), /secret/)
      }
    })
  }

  test('one that is not there is named', async () => {
    const error = await rejection(
      httpRequest('http://origin.test/', { proxy: 'http://u:secret@127.0.0.1:1' }),
    )
    assert.equal(error.code, 'ECONNREFUSED')
    assert.match(error.message, /127\.0\.0\.1:1/)
    assert.doesNotMatch(error.message, /secret/)
  })
})

describe('tinyproxy', {
  skip: spawnSync('tinyproxy', ['-v']).error && 'tinyproxy is not installed',
}, () => {
  /** Starts it with these settings; resolves with its port, which it cannot choose itself. */
  async function startTinyproxy(t, directory, settings) {
    for (let tries = 0; tries < 10; tries += 1) {
      const port = await freePort()
      const config = join(directory, 'conf')
      writeFileSync(config, [`Port ${port}`, ...settings, ''].join('\n'))
      const child = spawn('tinyproxy', ['-d', '-c', config], { stdio: 'ignore' })
      t.after(() => child.kill('SIGKILL'))
      // It ends if the port is taken by now.
      const gone = once(child, 'exit').then(() => true)
      while (!(await isListening(port))) if (await Promise.race([gone, sleep(20)])) break
      if (child.exitCode === null) return port
    }
    assert.fail('tinyproxy does not start')
  }

  /** A port that nobody had a moment ago. */
  async function freePort() {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address()
    server.close()
    await once(server, 'close')
    return port
  }

  const isListening = (port) =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.on('error', () => resolve(false)).on('connect', () => socket.destroy())
    })

  test('takes http and https, with a user', async (t) => {
    const directory = temporaryDirectory(t)
    const free = await serve(t, greet)
    const secured = await serve(t, greet, { key, cert })
    const port = await startTinyproxy(t, directory, [
      'Listen 127.0.0.1',
      'BasicAuth us pass',
      `ConnectPort ${secured}`,
      'Timeout 10',
    ])
    const proxy = `http://us:pass@127.0.0.1:${port}`
    assert.equal(await httpGetText(`http://127.0.0.1:${free}/`, { proxy }), 'hello')
    assert.equal(await httpGetText(`https://localhost:${secured}/`, { proxy, ca: cert }), 'hello')
    const anonymous = { proxy: `http://127.0.0.1:${port}` }
    assert.equal((await rejection(httpGetText(`http://127.0.0.1:${free}/`, anonymous))).status, 407)
    assert.equal(
      (await rejection(httpGetText(`https://localhost:${secured}/`, anonymous))).status,
      407,
    )
  })
})
