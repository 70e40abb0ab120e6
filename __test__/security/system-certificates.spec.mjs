// The system's certificates, in a mount namespace in which they are others.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { authority, certificate } from '../helpers/origins/certificates.mjs'
import '../helpers/origins/no-proxy.mjs'
import '../helpers/origins/no-trust.mjs'
import { whyNot } from '../helpers/processes/job-process.mjs'
import { temporaryDirectory } from '../helpers/support.mjs'

const SYSTEM = '/etc/ssl/certs'

describe('certificates of the system', { skip: whyNot('unshare', '-m') }, () => {
  const servers = []
  const root = authority()
  const expired = authority({ from: -9, until: -1 })
  const itself = certificate({ name: 'itself' })
  const ports = {}

  async function serve({ key }, ...chain) {
    const server = createServer(
      { key, cert: chain.map(({ pem }) => pem).join('') },
      (_, response) => response.end('ok'),
    )
    servers.push(server.on('tlsClientError', () => {}).listen(0, '127.0.0.1'))
    await once(server, 'listening')
    return server.address().port
  }

  before(async () => {
    const leaf = certificate({ issuer: root })
    ports.ofRoot = await serve(leaf, leaf)
    ports.itself = await serve(itself, itself)
    const other = certificate({ name: 'other', issuer: itself })
    ports.byLeaf = await serve(other, other, itself)
  })

  after(() => {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  })

  /**
   * The outcomes of requests to these ports, where the system's directory has nothing but these
   * files.
   */
  async function ask(t, files, names, { env = {}, options = {}, prepare = '' } = {}) {
    const directory = temporaryDirectory(t)
    for (const [name, pem] of Object.entries(files)) writeFileSync(join(directory, name), pem)
    const program = `
      import { httpGetText } from '@socketsecurity/registry'
      ${prepare}
      for (const port of ${JSON.stringify(names.map((name) => ports[name]))}) {
        const call = httpGetText('https://localhost:' + port, ${JSON.stringify({ timeout: 10_000, ...options })})
        console.log(await call.catch(({ code }) => code))
      }`
    const enter = `mount -t tmpfs none ${SYSTEM} && cp -r "$0"/. ${SYSTEM} && exec "$@"`
    const node = [process.execPath, '--input-type=module', '-e', program]
    const child = spawn('unshare', ['-m', 'sh', '-c', enter, directory, ...node], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 30_000,
      killSignal: 'SIGKILL',
    })
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    await once(child, 'close')
    return text.trim().split('\n')
  }

  const BUNDLE = 'ca-certificates.crt'
  const UNKNOWN = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'
  const SELF = 'DEPTH_ZERO_SELF_SIGNED_CERT'
  const all = ['ofRoot', 'itself', 'byLeaf']

  test('those of the bundle, of the directory, and of both', async (t) => {
    for (const [files, expected] of [
      [{}, [UNKNOWN, SELF]],
      [{ [BUNDLE]: root.pem }, ['ok', SELF]],
      [{ '0123abcd.0': root.pem }, ['ok', SELF]],
      [{ [BUNDLE]: itself.pem, '0123abcd.0': root.pem }, ['ok', 'ok']],
      [{ [BUNDLE]: root.pem, '0123abcd.1': itself.pem }, ['ok', 'ok']],
      [{ [BUNDLE]: 'nonsense', '0123abcd.0': root.pem + itself.pem, README: 'x' }, ['ok', 'ok']],
    ]) {
      assert.deepEqual(await ask(t, files, all.slice(0, 2)), expected, Object.keys(files).join())
    }
  })

  test('a certificate of a server there vouches for itself only, and an expired root for nobody', async (t) => {
    assert.deepEqual(await ask(t, { [BUNDLE]: itself.pem }, all), [
      UNKNOWN,
      'ok',
      'INVALID_PURPOSE',
    ])
    assert.deepEqual(await ask(t, { [BUNDLE]: expired.pem }, ['ofRoot']), ['CERT_HAS_EXPIRED'])
    assert.deepEqual(await ask(t, { [BUNDLE]: expired.pem, '0123abcd.0': root.pem }, ['ofRoot']), [
      'ok',
    ])
  })

  test('variables and `ca` add to them', async (t) => {
    const file = join(temporaryDirectory(t), 'own.pem')
    writeFileSync(file, itself.pem)
    const files = { [BUNDLE]: root.pem }
    for (const env of [{ SSL_CERT_FILE: file }, { NODE_EXTRA_CA_CERTS: file }]) {
      assert.deepEqual(await ask(t, files, all.slice(0, 2), { env }), ['ok', 'ok'])
    }
    const options = { ca: itself.pem }
    assert.deepEqual(await ask(t, files, all.slice(0, 2), { options }), ['ok', 'ok'])
    const env = { SSL_CERT_FILE: `${SYSTEM}/${BUNDLE}`, SSL_CERT_DIR: SYSTEM }
    assert.deepEqual(
      await ask(t, { ...files, '0123abcd.0': itself.pem }, all.slice(0, 2), { env }),
      ['ok', 'ok'],
    )
    assert.deepEqual(await ask(t, files, ['ofRoot'], { env: { SSL_CERT_DIR: '/nowhere' } }), ['ok'])
  })

  test('they are not read for a server that is trusted without them', async (t) => {
    // Whoever opened it would wait for ever. Some builds of Node.js read it when they start.
    const prepare = `
      import { execFileSync } from 'node:child_process'
      execFileSync('mkfifo', ['${SYSTEM}/${BUNDLE}'])`
    const options = { ca: root.pem }
    // Nor are they where the variables name them.
    for (const env of [{}, { SSL_CERT_FILE: `${SYSTEM}/${BUNDLE}`, SSL_CERT_DIR: SYSTEM }]) {
      assert.deepEqual(await ask(t, {}, ['ofRoot'], { env, options, prepare }), ['ok'])
    }
  })
})
