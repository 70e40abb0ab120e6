import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { afterEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import {
  buildUserAgent,
  chainUserAgents,
  getSocketCallerUserAgent,
  sanitizeUserAgent,
} from '@socketsecurity/registry/lib/http-request/user-agent'
import { startOrigin } from '../helpers/origins/http-origin.mjs'

const { version } = createRequire(import.meta.url)('@socketsecurity/registry/package.json')
const platform = `node/${process.version} ${process.platform}/${process.arch}`
const ours = `socket-registry/${version} ${platform}`
const VARIABLE = 'SOCKET_CALLER_USER_AGENT'

afterEach(() => {
  delete process.env[VARIABLE]
})

/** Runs a script in a Worker with an environment of its own; gives what it posts. */
function inWorker(script, env) {
  const modules = fileURLToPath(new URL('../../lib/index.js', import.meta.url))
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     const registry = require(${JSON.stringify(modules)})
     Promise.resolve((${script})(registry)).then((value) => parentPort.postMessage(value))`,
    { eval: true, env },
  )
  return new Promise((resolve, reject) => {
    worker.on('message', resolve)
    worker.on('error', reject)
  })
}

describe('a user agent', () => {
  test('names the application and what it runs on', () => {
    const agent = buildUserAgent({ name: 'tool', version: '1.2.3' })
    assert.equal(agent, `tool/1.2.3 ${platform}`)
  })

  test('has the caller behind it', () => {
    const agent = buildUserAgent({ name: 'tool', version: '1.2.3' }, 'caller/4 (x)')
    assert.equal(agent, `tool/1.2.3 ${platform} caller/4 (x)`)
    for (const nothing of [undefined, null, '', ' \r\n']) {
      assert.equal(buildUserAgent({ name: 'a', version: '1' }, nothing), `a/1 ${platform}`)
    }
  })

  test('has one product for the name of a package', () => {
    for (const [name, slug] of [
      ['@a/b', 'a-b'],
      ['@socketsecurity/cli', 'socketsecurity-cli'],
      ['a_b.c', 'a_b.c'],
      ['my tool', 'my-tool'],
      ['tool\r\nEvil: yes', 'tool-Evil-yes'],
      ['größe', 'gr-e'],
    ]) {
      assert.equal(buildUserAgent({ name, version: '1.0.0' }), `${slug}/1.0.0 ${platform}`)
    }
  })

  test('accepts versions of every kind', () => {
    for (const version of ['1.0.0-rc.1+build.5', '0.0.0', 'next']) {
      assert.equal(buildUserAgent({ name: 'a', version }), `a/${version} ${platform}`)
    }
  })

  test('can be sent, whatever the caller sets', async (t) => {
    const origin = await startOrigin(t)
    const agent = buildUserAgent(
      { name: 'a', version: '1' },
      `evil\r\nX-Evil: 1\0 ü ${'x'.repeat(999)}`,
    )
    assert.ok(agent.length <= 256)
    await httpRequest(origin.url, { headers: { 'user-agent': agent } })
    assert.equal(origin.requests[0].headers['user-agent'], agent)
    assert.equal(origin.requests[0].headers['x-evil'], undefined)
  })

  test('does not name one product twice', () => {
    const caller = `b/2 ${platform} a/1 ${platform}`
    assert.equal(
      buildUserAgent({ name: 'a', version: '1' }, caller),
      `a/1 ${platform} b/2 ${platform}`,
    )
  })

  test('needs a name and a version', () => {
    for (const [application, name, code] of [
      [undefined, 'application', 'ERR_INVALID_ARG_TYPE'],
      [null, 'application', 'ERR_INVALID_ARG_TYPE'],
      ['tool', 'application', 'ERR_INVALID_ARG_TYPE'],
      [{ version: '1' }, 'application.name', 'ERR_INVALID_ARG_TYPE'],
      [{ name: 'a' }, 'application.version', 'ERR_INVALID_ARG_TYPE'],
      [{ name: 5, version: '1' }, 'application.name', 'ERR_INVALID_ARG_TYPE'],
      [{ name: '', version: '1' }, 'application.name', 'ERR_INVALID_ARG_VALUE'],
      [{ name: '@/', version: '1' }, 'application.name', 'ERR_INVALID_ARG_VALUE'],
      [{ name: 'a', version: ' ' }, 'application.version', 'ERR_INVALID_ARG_VALUE'],
    ]) {
      assert.throws(
        () => buildUserAgent(application),
        (error) =>
          error instanceof TypeError && error.code === code && error.message.includes(`"${name}"`),
        JSON.stringify(application),
      )
    }
    assert.throws(() => buildUserAgent({ name: 'a', version: '1' }, 5), /"caller"/)
  })
})

describe('a chain of user agents', () => {
  test('has them in order', () => {
    assert.equal(chainUserAgents('a/1', 'b/2', 'c/3'), 'a/1 b/2 c/3')
    assert.equal(chainUserAgents(['a/1', 'b/2']), 'a/1 b/2')
  })

  test('has each product once', () => {
    assert.equal(chainUserAgents('a/1', 'a/1'), 'a/1')
    assert.equal(
      chainUserAgents('a/1 node/v20.0.0', 'b/2', 'a/1 node/v20.0.0'),
      'a/1 node/v20.0.0 b/2',
    )
    assert.equal(chainUserAgents('a/1', 'a/10', 'aa/1'), 'a/1 a/10 aa/1')
  })

  test('of programs that call each other in turns does not grow', () => {
    let agent = ''
    for (let turn = 0; turn < 10; turn += 1) {
      agent = buildUserAgent({ name: turn % 2 ? 'a' : 'b', version: '1' }, agent)
    }
    assert.equal(agent, `a/1 ${platform} b/1 ${platform}`)
  })

  test('passes over what is not there', () => {
    assert.equal(chainUserAgents(undefined, 'a/1', null, '', ' '), 'a/1')
    assert.equal(
      chainUserAgents([undefined, 'a/1', null], undefined, ['b/2', undefined]),
      'a/1 b/2',
    )
    assert.equal(chainUserAgents(), '')
  })

  test('can be sent', () => {
    assert.equal(chainUserAgents('a/1\r\n', '\0b/2'), 'a/1 b/2')
    assert.equal(chainUserAgents('a/1', 'x'.repeat(300)).length, 256)
  })

  test('is of strings', () => {
    assert.throws(() => chainUserAgents('a', 5), { name: 'TypeError', message: /"agents\[1\]"/ })
  })
})

describe('a sanitized user agent', () => {
  test('has spaces for what cannot be sent', () => {
    assert.equal(sanitizeUserAgent('a/1\r\nX-Evil: 1'), 'a/1 X-Evil: 1')
    assert.equal(sanitizeUserAgent('\0a\tb\u007fc\u{1f4e6}d\u0085'), 'a b c d')
    assert.equal(sanitizeUserAgent(''), '')
    assert.equal(sanitizeUserAgent('tool/1 (x; y) z'), 'tool/1 (x; y) z')
  })

  test('has 256 characters at most', () => {
    assert.equal(sanitizeUserAgent('x'.repeat(256)).length, 256)
    assert.equal(sanitizeUserAgent('x'.repeat(10_000_000)).length, 256)
    assert.equal(sanitizeUserAgent(`${'x'.repeat(255)} y`), 'x'.repeat(255))
  })

  test('must be a string, or nothing', () => {
    assert.equal(sanitizeUserAgent(undefined), '')
    assert.equal(sanitizeUserAgent(null), '')
    for (const text of [5, {}]) {
      assert.throws(() => sanitizeUserAgent(text), { name: 'TypeError', message: /"text"/ })
    }
  })
})

describe('the user agent of this process', () => {
  test('is that of this package, and of the caller by the environment at each call', () => {
    assert.equal(getSocketCallerUserAgent(), ours)
    process.env[VARIABLE] = 'cli/1'
    assert.equal(getSocketCallerUserAgent(), `${ours} cli/1`)
    process.env[VARIABLE] = 'cli/2\r\nX-Evil: 1'
    assert.equal(getSocketCallerUserAgent(), `${ours} cli/2 X-Evil: 1`)
  })

  test('has no caller when the variable is empty', () => {
    for (const nothing of ['', ' ', '\r\n']) {
      process.env[VARIABLE] = nothing
      assert.equal(getSocketCallerUserAgent(), ours)
    }
  })

  test("has, in a Worker, the caller of the Worker's own environment", async () => {
    process.env[VARIABLE] = 'main/1'
    const script = '(registry) => registry.getSocketCallerUserAgent()'
    assert.equal(await inWorker(script, { [VARIABLE]: 'worker/1' }), `${ours} worker/1`)
    assert.equal(await inWorker(script, {}), ours)
  })
})

describe('the user agent of a request', () => {
  async function sent(t, options) {
    const origin = await startOrigin(t)
    await httpRequest(origin.url, options)
    return origin.requests[0].headers['user-agent']
  }

  test('is that of this package', async (t) => {
    assert.equal(await sent(t), ours)
  })

  test('has the caller behind it, sanitized and once', async (t) => {
    process.env[VARIABLE] = `cli/1 ${platform}\r\nX-Evil: 1`
    assert.equal(await sent(t), `${ours} cli/1 ${platform} X-Evil: 1`)
    process.env[VARIABLE] = ours
    assert.equal(await sent(t), ours)
    process.env[VARIABLE] = 'x'.repeat(1000)
    assert.equal((await sent(t)).length, 256)
  })

  test('is the one that was given, without the caller', async (t) => {
    process.env[VARIABLE] = 'cli/1'
    assert.equal(await sent(t, { headers: { 'User-Agent': 'mine/1' } }), 'mine/1')
  })

  test("has the caller of a Worker's own environment", async (t) => {
    const origin = await startOrigin(t)
    const script = `(registry) => registry.httpRequest('${origin.url}').then(() => 'done')`
    await inWorker(script, { [VARIABLE]: 'worker/1' })
    assert.equal(origin.requests[0].headers['user-agent'], `${ours} worker/1`)
  })
})
