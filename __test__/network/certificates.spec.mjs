// Trusted certificates: those of the caller and his environment, beside the system's and the
// bundled ones.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { httpDownload, httpGetText } from '@socketsecurity/registry'
import { foundAuthority, whyNoAuthority } from '../helpers/origins/authority.mjs'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { listen } from '../helpers/origins/listen.mjs'
import '../helpers/origins/no-proxy.mjs'
import '../helpers/origins/no-trust.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

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
    return `https://localhost:${await listen(t, server)}`
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
    const origin = await startOrigin(t, { body: 'plain' })
    assert.equal(await httpGetText(origin.url), 'plain')
  })

  test('a Worker has its own environment', async () => {
    const program = `
      const { parentPort, workerData } = require('node:worker_threads')
      const { httpGetText } = require(workerData.module)
      httpGetText(workerData.url).then((text) => parentPort.postMessage(text), (error) => parentPort.postMessage(error.code))
    `
    const module = new URL('../../lib/index.js', import.meta.url).pathname
    const ask = async (env) => {
      const worker = new Worker(program, { eval: true, env, workerData: { module, url: trusted } })
      const [outcome] = await once(worker, 'message')
      await worker.terminate()
      return outcome
    }
    assert.equal(await ask({ NODE_EXTRA_CA_CERTS: authority.path }), 'ok')
    assert.equal(await ask({}), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    assert.equal(await ask({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }), 'ok')
    assert.equal((await rejection(httpGetText(trusted))).code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  })

  test("failures have Node's codes, advise what to do, and are not retried", async (t) => {
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

  for (const ca of [[1], 5, {}, [null], new ArrayBuffer(1)]) {
    test(`ca ${JSON.stringify(ca)} is refused`, async () => {
      const error = await rejection(httpGetText(trusted, { ca }))
      assert.equal(error.name, 'TypeError')
      assert.match(error.message, /"options\.ca"/)
    })
  }

  describe('PEM', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'
    const forms = {
      'with a byte order mark': (pem) => `\ufeff${pem}`,
      'with CRLF': (pem) => pem.replaceAll('\n', '\r\n'),
      'with CR': (pem) => pem.replaceAll('\n', '\r'),
      'in one line': (pem) => pem.replace(/(?<=[^-])\n(?=[^-])/g, ''),
      'with comments': (pem) => `# müller\nSubject: CN = Spec CA\n${pem}the end\n`,
      'with spaces': (pem) => pem.replaceAll('\n', ' \n  '),
      'with the label X509': (pem) => pem.replaceAll(' CERTIFICATE', ' X509 CERTIFICATE'),
      'with the label TRUSTED': (pem) => pem.replaceAll(' CERTIFICATE', ' TRUSTED CERTIFICATE'),
      'behind a broken certificate': (pem) => broken + pem,
      'behind half a certificate': (pem) => `${pem.slice(0, 200)}\n${pem}`,
      'before a broken certificate': (pem) => pem + broken,
      'behind a key': (pem) => own.key + pem,
      'without a final line end': (pem) => pem.trimEnd(),
    }
    for (const [name, form] of Object.entries(forms)) {
      test(`${name} is trusted from every source`, async (t) => {
        const pem = form(authority.pem)
        for (const ca of [
          pem,
          [pem],
          Buffer.from(pem),
          new Uint8Array(Buffer.from(pem)),
          [Buffer.from(pem)],
        ]) {
          assert.equal(await httpGetText(trusted, { ca }), 'ok')
        }
        const path = join(directory, 'form.pem')
        writeFileSync(path, pem)
        for (const variable of ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE']) {
          await rejection(httpGetText(trusted))
          process.env[variable] = path
          t.after(() => delete process.env[variable])
          // Another timeout, another pool of connections: the file has changed since.
          const connectTimeout = 10_000 + Object.keys(forms).indexOf(name)
          assert.equal(await httpGetText(trusted, { connectTimeout }), 'ok', variable)
          delete process.env[variable]
        }
      })
    }

    const useless = {
      'broken certificate': [broken, /certificate 1 of `ca` is broken/],
      'text without one': ['nonsense', /`ca` has no certificates in PEM/],
      'certificate that has no end': [broken.slice(0, 40), /certificate 1 of `ca` has no end/],
      'list of both': [
        ['nonsense', broken],
        /`ca\[0\]` has no certificates in PEM, certificate 1 of `ca\[1\]` is broken/,
      ],
    }
    for (const [name, [ca, pattern]] of Object.entries(useless)) {
      test(`a ${name} harms nobody, and is named where trust is missing`, async (t) => {
        const error = await rejection(httpGetText(trusted, { ca }))
        assert.equal(error.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
        assert.match(error.message, pattern)
        assert.equal(await httpGetText(trusted, { ca: [authority.pem, ca].flat() }), 'ok')
        const origin = await startOrigin(t, { body: 'plain' })
        assert.equal(await httpGetText(origin.url, { ca }), 'plain')
      })
    }

    for (const ca of ['', [], [''], ' \n', Buffer.alloc(0)]) {
      test(`${JSON.stringify(ca)} is nothing`, async () => {
        const error = await rejection(httpGetText(trusted, { ca }))
        assert.equal(error.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
        assert.doesNotMatch(error.message, /not used/)
      })
    }

    test('files that cannot be read are named where trust is missing', async (t) => {
      const missing = join(directory, 'missing.pem')
      setVariable(t, 'NODE_EXTRA_CA_CERTS', missing)
      setVariable(t, 'SSL_CERT_DIR', join(directory, 'nowhere'))
      const { message } = await rejection(httpGetText(trusted))
      assert.ok(message.includes(`${missing} cannot be read`), message)
      assert.ok(message.includes(`${join(directory, 'nowhere')} cannot be read`), message)
    })
  })
})
