// Whom to trust: certificates of the caller and his environment, added to the system's and the bundled ones.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { httpDownload, httpGetText } from '@socketsecurity/registry'
import { foundAuthority, whyNoAuthority } from './origins/authority.mjs'
import './origins/no-proxy.mjs'
import { rejection, temporaryDirectory } from './support.mjs'

const VARIABLES = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR']

describe('certificates', { skip: whyNoAuthority() }, () => {
  const cleaners = []
  const suite = { after: (clean) => cleaners.push(clean) }
  let directory
  let authority
  let own
  let trusted
  let selfSigned

  async function serve(t, identity) {
    const server = createServer(identity, (_, response) => response.end('ok'))
    server.on('tlsClientError', () => {})
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    return `https://localhost:${server.address().port}`
  }

  function setVariable(t, name, value) {
    process.env[name] = value
    t.after(() => delete process.env[name])
  }

  before(async () => {
    directory = temporaryDirectory(suite)
    authority = foundAuthority(directory)
    own = authority.signItself('itself')
    trusted = await serve(suite, authority.issue('good'))
    selfSigned = await serve(suite, own)
  })

  after(() => {
    for (const clean of cleaners) clean()
  })

  for (const how of ['a string', 'a list', 'one text with several']) {
    test(`ca is ${how}`, async () => {
      const forms = {
        'a string': authority.pem,
        'a list': [own.cert, authority.pem],
        'one text with several': own.cert + authority.pem,
      }
      assert.equal(await httpGetText(trusted, { ca: forms[how] }), 'ok')
    })
  }

  test('each variable of the environment counts from the call on, and no longer than it is set', async (t) => {
    const values = [authority.path, authority.path, authority.rehash()]
    for (const [index, name] of VARIABLES.entries()) {
      await rejection(httpGetText(trusted))
      process.env[name] = values[index]
      t.after(() => delete process.env[name])
      assert.equal(await httpGetText(trusted), 'ok', name)
      delete process.env[name]
    }
    await rejection(httpGetText(trusted))
  })

  test('all of them are trusted together', async (t) => {
    setVariable(t, 'NODE_EXTRA_CA_CERTS', own.path)
    const options = { ca: authority.pem }
    assert.equal(await httpGetText(trusted, options), 'ok')
    assert.equal(await httpGetText(selfSigned, options), 'ok')
  })

  test('files that are not there, or are none, do no harm', async (t) => {
    for (const name of VARIABLES) setVariable(t, name, join(directory, 'none'))
    assert.equal(await httpGetText(trusted, { ca: authority.pem }), 'ok')
    const server = createHttpServer((_, response) => response.end('plain')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    assert.equal(await httpGetText(`http://127.0.0.1:${server.address().port}`), 'plain')
  })

  test('a Worker has its own environment', async () => {
    const program = `
      const { parentPort, workerData } = require('node:worker_threads')
      const { httpGetText } = require(workerData.module)
      httpGetText(workerData.url).then((text) => parentPort.postMessage(text), (error) => parentPort.postMessage(error.code))
    `
    const module = new URL('../lib/index.js', import.meta.url).pathname
    const ask = async (env) => {
      const worker = new Worker(program, { eval: true, env, workerData: { module, url: trusted } })
      const [answer] = await once(worker, 'message')
      await worker.terminate()
      return answer
    }
    assert.equal(await ask({ NODE_EXTRA_CA_CERTS: authority.path }), 'ok')
    assert.equal(await ask({}), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    assert.equal(await ask({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }), 'ok')
    assert.equal((await rejection(httpGetText(trusted))).code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  })

  test("failures have Node's codes, say what to do, and are not repeated", async (t) => {
    const expired = await serve(t, authority.issue('old', { days: -1 }))
    const other = await serve(t, authority.issue('other', { names: 'DNS:elsewhere.test' }))
    const good = authority.issue('chained')
    const chained = await serve(t, { ...good, cert: good.cert + authority.pem })
    const advice = /NODE_EXTRA_CA_CERTS/
    const { pem: ca } = authority
    for (const [url, options, code, pattern] of [
      [trusted, {}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', advice],
      [selfSigned, {}, 'DEPTH_ZERO_SELF_SIGNED_CERT', advice],
      [chained, {}, 'SELF_SIGNED_CERT_IN_CHAIN', advice],
      [expired, { ca }, 'CERT_HAS_EXPIRED', /expired/],
      [other, { ca }, 'ERR_TLS_CERT_ALTNAME_INVALID', /another host/],
    ]) {
      const retries = { retries: 3, retryDelay: 1 }
      const destination = join(directory, 'file')
      for (const call of [
        () => httpGetText(url, { ...options, ...retries }),
        () => httpDownload(url, destination, { ...options, ...retries }),
      ]) {
        const error = await rejection(call())
        assert.deepEqual([error.code, error.attempts], [code, 1], error.message)
        assert.match(error.message, pattern)
      }
    }
  })

  test('a certificate that signs itself is trusted for its own name only', async () => {
    const { port } = new URL(selfSigned)
    assert.equal(await httpGetText(selfSigned, { ca: own.cert }), 'ok')
    const error = await rejection(httpGetText(`https://127.0.0.2:${port}`, { ca: own.cert }))
    assert.notEqual(error.code, 'ERR_TEST_FAILURE')
    assert.equal((await rejection(httpGetText(trusted, { ca: own.cert }))).retryable, false)
  })

  for (const ca of [
    '',
    'nonsense',
    ['-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----'],
    [1],
    5,
  ]) {
    test(`ca ${JSON.stringify(ca)} is refused`, async () => {
      const error = await rejection(httpGetText(trusted, { ca }))
      assert.equal(error.name, 'TypeError')
      assert.match(error.message, /"options\.ca"/)
    })
  }
})
