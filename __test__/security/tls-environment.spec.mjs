// Effects of Node's variables about TLS, and hosts for which there can be no certificate.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { httpDownload, httpGetText } from '@socketsecurity/registry'
import { authority, certificate } from '../helpers/origins/certificates.mjs'
import '../helpers/origins/no-proxy.mjs'
import '../helpers/origins/no-trust.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const WARNING =
  "Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable to '0' makes TLS connections and HTTPS requests " +
  'insecure by disabling certificate verification.'

describe('TLS and the environment', () => {
  const servers = []
  let plain
  let secure
  let secureVersion1

  async function listening(server) {
    servers.push(server.listen(0, '127.0.0.1'))
    await once(server, 'listening')
    return server.address().port
  }

  const serve = (_, response) => response.end('ok')
  const serveAs = ({ key, pem }) =>
    listening(createServer({ key, cert: pem }, serve).on('tlsClientError', () => {}))

  before(async () => {
    plain = `http://localhost:${await listening(createHttpServer(serve))}`
    secure = `https://localhost:${await serveAs(certificate())}`
    secureVersion1 = `https://localhost:${await serveAs(certificate({ version: 1, name: 'elsewhere' }))}`
  })

  after(() => {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  })

  /** Runs a program, with `get`, and gives what it says. */
  async function run(program, env) {
    const whole = `
      import { Worker } from 'node:worker_threads'
      import { httpDownload, httpGetText, fetchChecksumFile } from '@socketsecurity/registry'
      const warnings = []
      process.on('warning', ({ name, message }) => warnings.push([name, message]))
      ${program}
      await new Promise(setImmediate)
      console.log(JSON.stringify(warnings))`
    const child = spawn(process.execPath, ['--input-type=module', '--no-warnings', '-e', whole], {
      cwd: join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../..'),
      env: { ...process.env, ...env },
    })
    const said = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr']) child[name].on('data', (text) => (said[name] += text))
    const [code] = await once(child, 'close')
    assert.equal(code, 0, said.stderr)
    return { ...said, warnings: JSON.parse(said.stdout) }
  }

  const REJECT = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }

  test('unverified connections are warned of once, as by Node, and not before the first request', async () => {
    const { warnings } = await run(
      `await httpGetText('${plain}')
      await new Promise(setImmediate)
      if (warnings.length) throw new Error('too early')
      await httpGetText('${secure}')
      await httpGetText('${secureVersion1}', { timeout: 9999 })
      await httpGetText('${secure}', { connectTimeout: 9999 })`,
      REJECT,
    )
    assert.deepEqual(warnings, [['Warning', WARNING]])
  })

  test('every way to ask warns', async (t) => {
    const file = join(temporaryDirectory(t), 'file')
    for (const call of [
      `httpDownload('${secure}', ${JSON.stringify(file)})`,
      `fetchChecksumFile('${secure}')`,
    ]) {
      const { warnings } = await run(`await ${call}.catch(() => {})`, REJECT)
      assert.deepEqual(warnings, [['Warning', WARNING]], call)
    }
  })

  test('nothing is warned of while certificates are verified', async () => {
    for (const env of [
      {},
      { NODE_TLS_REJECT_UNAUTHORIZED: '1' },
      { NODE_TLS_REJECT_UNAUTHORIZED: '' },
    ]) {
      const { warnings } = await run(`await httpGetText('${secure}').catch(() => {})`, env)
      assert.deepEqual(warnings, [])
    }
  })

  test('a Worker with an environment of its own is warned', async () => {
    const { warnings } = await run(`
      const worker = new Worker(\`
        process.on('warning', ({ name, message }) => require('node:worker_threads').parentPort.postMessage([name, message]))
        require('@socketsecurity/registry').httpGetText('${secure}')\`,
        { eval: true, execArgv: [], env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } })
      worker.once('message', (warning) => warnings.push(['Worker', ...warning]))
      await new Promise((resolve) => worker.once('exit', resolve))`)
    assert.deepEqual(warnings, [['Worker', 'Warning', WARNING]])
  })

  test('NODE_DEBUG names certificates that cannot be used, each once', async (t) => {
    const missing = join(temporaryDirectory(t), 'missing.pem')
    const program = `for (const connectTimeout of [1000, 2000]) {
      await httpGetText('${secure}', { ca: 'nonsense', connectTimeout }).catch(() => {})
    }`
    const variables = { NODE_EXTRA_CA_CERTS: missing }
    // Node itself warns of the file, too.
    const { stderr } = await run(program, { ...variables, NODE_DEBUG: 'other,Socket-Registry' })
    const isComplaint = (line) => /^SOCKET-REGISTRY \d+: trust: (`ca`|\/)/.test(line)
    const lines = stderr.split('\n').filter(isComplaint)
    assert.equal(lines.length, 2, stderr)
    assert.match(lines[0], /^SOCKET-REGISTRY \d+: trust: `ca` has no certificates in PEM$/)
    assert.ok(lines[1].includes(`trust: ${missing} cannot be read`), lines[1])
    const silent = await run(program, { ...variables, NODE_DEBUG: 'other' })
    assert.ok(!silent.stderr.includes('SOCKET-REGISTRY'), silent.stderr)
  })

  test('a host that is no DNS name has a code of its own, and is not looked up', async (t) => {
    const destination = join(temporaryDirectory(t), 'file')
    for (const host of [
      'a-.test',
      `${'a'.repeat(64)}.test`,
      `${'a.'.repeat(127)}test`,
      'a..test',
      'a!.test',
    ]) {
      for (const call of [
        () => httpGetText(`https://${host}/`, { retries: 2 }),
        () => httpDownload(`https://${host}/`, destination, { retries: 2 }),
      ]) {
        const error = await rejection(call())
        assert.equal(error.code, 'ERR_TLS_INVALID_HOST', error.message)
        assert.deepEqual([error.attempts, error.retryable], [1, false])
        assert.match(error.message, /is not a DNS name/)
        assert.ok(error.message.includes(host) && error.url.includes(host), error.message)
      }
    }
    // Without TLS nobody minds.
    const error = await rejection(httpGetText('http://a-.test/', { timeout: 5000 }))
    assert.notEqual(error.code, 'ERR_TLS_INVALID_HOST')
  })

  test('a redirect to such a host fails in the same way', async (t) => {
    const server = createHttpServer((_, response) =>
      response.writeHead(302, { location: 'https://a-.test/' }).end(),
    )
    t.after(() => server.close())
    const port = await listening(server)
    const error = await rejection(httpGetText(`http://localhost:${port}`))
    assert.equal(error.code, 'ERR_TLS_INVALID_HOST', error.message)
  })

  test('a chain of trusted certificates is completed from all that are trusted', async () => {
    const root = authority()
    const middle = authority({ name: 'middle', issuer: root })
    const { key, pem } = certificate({ issuer: middle })
    const url = `https://localhost:${await listening(createServer({ key, cert: pem }, serve))}`
    assert.equal(await httpGetText(url, { ca: [root.pem, middle.pem] }), 'ok')
    const error = await rejection(httpGetText(url, { ca: middle.pem }))
    assert.equal(error.code, 'UNABLE_TO_GET_ISSUER_CERT')
    assert.match(
      error.message,
      /CN=middle is trusted, but an intermediate one.*CN=root; pass the root certificate, too/,
    )
  })
})
