// The User-Agent: ours, that of the program behind SOCKET_CALLER_USER_AGENT, or the caller's own.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { httpDownload, httpRequest } from '@socketsecurity/registry/lib/http-request'
import { redirectTo, startOrigin } from '../helpers/origins/http-origin.mjs'
import { temporaryDirectory } from '../helpers/support.mjs'

const VARIABLE = 'SOCKET_CALLER_USER_AGENT'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const ours = `socket-registry/${version} node/${process.version} ${process.platform}/${process.arch}`

/** The headers of a request while the environment names a caller. */
async function headersWith(t, caller, options) {
  const before = process.env[VARIABLE]
  t.after(() => {
    if (before === undefined) delete process.env[VARIABLE]
    else process.env[VARIABLE] = before
  })
  if (caller === undefined) delete process.env[VARIABLE]
  else process.env[VARIABLE] = caller
  const origin = await startOrigin(t)
  await httpRequest(origin.url, options)
  return origin.requests[0].headers
}

test('the User-Agent names package, Node and platform', async (t) => {
  const headers = await headersWith(t, undefined)
  assert.equal(headers['user-agent'], ours)
})

test('the caller of the environment stands behind', async (t) => {
  const headers = await headersWith(t, 'socket-cli/1.2.3')
  assert.equal(headers['user-agent'], `${ours} socket-cli/1.2.3`)
})

for (const caller of ['', ' ', '\t\r\n']) {
  test(`${JSON.stringify(caller)} is no caller`, async (t) => {
    const headers = await headersWith(t, caller)
    assert.equal(headers['user-agent'], ours)
  })
}

test('the environment is read at each call', async (t) => {
  assert.equal((await headersWith(t, 'first/1'))['user-agent'], `${ours} first/1`)
  assert.equal((await headersWith(t, 'second/2'))['user-agent'], `${ours} second/2`)
  assert.equal((await headersWith(t, undefined))['user-agent'], ours)
})

test('the environment of a worker counts in it', async (t) => {
  await headersWith(t, 'main/1')
  const origin = await startOrigin(t)
  const worker = new Worker(new URL('../helpers/processes/request-thread.mjs', import.meta.url), {
    workerData: origin.url,
    env: { ...process.env, [VARIABLE]: 'worker/2' },
  })
  // Both may come in one turn.
  const [[status]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  assert.equal(status, 200)
  assert.equal(origin.requests[0].headers['user-agent'], `${ours} worker/2`)
})

test('control characters become spaces', async (t) => {
  const headers = await headersWith(t, 'evil/1\r\nX-Injected:\tyes\x7fend')
  assert.equal(headers['x-injected'], undefined)
  const caller = headers['user-agent'].slice(ours.length)
  assert.ok(headers['user-agent'].startsWith(ours))
  assert.match(caller, /^ evil\/1 +X-Injected: +yes +end$/)
})

test('characters beyond ASCII do no harm', async (t) => {
  const headers = await headersWith(t, 'café/1 ☃ 🦀')
  assert.ok(headers['user-agent'].startsWith(ours))
})

test('a caller of any length is cut', async (t) => {
  const headers = await headersWith(t, `long/${'1'.repeat(5000)}`)
  const agent = headers['user-agent']
  assert.ok(agent.startsWith(ours))
  assert.ok(agent.length <= ours.length + 1 + 256, `${agent.length} characters`)
})

for (const [what, caller, hop] of [
  ['that the caller names twice', 'socket-cli/1.2.3 socket-cli/1.2.3', 'socket-cli/1.2.3'],
  ['that is ours', ours, `socket-registry/${version}`],
]) {
  test(`a product ${what} is named once`, async (t) => {
    const agent = (await headersWith(t, caller))['user-agent']
    assert.equal(agent.split(hop).length - 1, 1, agent)
  })
}

for (const name of ['User-Agent', 'user-agent', 'USER-AGENT', 'uSeR-aGeNt']) {
  test(`the ${name} that the caller gives stands alone`, async (t) => {
    const headers = await headersWith(t, 'socket-cli/1.2.3', { headers: { [name]: 'mine/1' } })
    assert.equal(headers['user-agent'], 'mine/1')
  })
}

test('a download sends the same', async (t) => {
  await headersWith(t, 'socket-cli/1.2.3')
  const origin = await startOrigin(t, { body: 'x' })
  await httpDownload(origin.url, join(temporaryDirectory(t), 'file'))
  assert.equal(origin.requests[0].headers['user-agent'], `${ours} socket-cli/1.2.3`)
})

test('each request of a redirect sends the same', async (t) => {
  await headersWith(t, 'socket-cli/1.2.3')
  const origin = await startOrigin(t, [redirectTo('/end'), {}])
  await httpRequest(origin.url)
  for (const { headers } of origin.requests) {
    assert.equal(headers['user-agent'], `${ours} socket-cli/1.2.3`)
  }
})
