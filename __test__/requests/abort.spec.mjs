// An AbortSignal ends a call wherever it is: connecting, waiting, reading, pausing, sharing.

import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import {
  downloadWithLock,
  httpDownload,
  httpGetJson,
  httpGetText,
  httpRequest,
} from '@socketsecurity/registry'
import { startFullServer } from '../helpers/origins/deaf-origin.mjs'
import { later, silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import { startRawOrigin, unusedUrl } from '../helpers/origins/raw-origin.mjs'
import { filesUnder, lockPathOf } from '../helpers/processes/lock-stage.mjs'
import { rejection, sleep, temporaryDirectory, until } from '../helpers/support.mjs'

// Far above what it takes, far below every other time that could end a call.
const PROMPT = 10_000

/** Each function as one of a URL, a directory for files, and options. */
const functions = {
  httpRequest: (url, _directory, options) => httpRequest(url, options),
  httpGetJson: (url, _directory, options) => httpGetJson(url, options),
  httpGetText: (url, _directory, options) => httpGetText(url, options),
  httpDownload: (url, directory, options) => httpDownload(url, join(directory, 'file'), options),
  downloadWithLock: (url, directory, options) =>
    downloadWithLock(url, join(directory, 'file'), options),
}

function assertAborted(error, reason) {
  assert.ok(error instanceof Error, `${error}`)
  assert.equal(error.name, 'AbortError', `${error}`)
  assert.equal(error.code, 'ABORT_ERR')
  assert.equal(error.cause, reason)
}

/** Starts a call, aborts it once `arrived` holds, and checks how and when it ends. */
async function abortOnce(t, call, url, arrived, options) {
  const directory = temporaryDirectory(t)
  const controller = new AbortController()
  const reason = new Error('no longer needed')
  const { signal } = controller
  const promise = call(url, directory, { retries: 3, retryDelay: 1, ...options, signal })
  promise.catch(() => {})
  await arrived()
  const aborted = performance.now()
  controller.abort(reason)
  const error = await rejection(promise)
  const took = performance.now() - aborted
  assertAborted(error, reason)
  assert.ok(took < PROMPT, `it took ${Math.round(took)} ms`)
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  assert.ok(!existsSync(join(directory, 'file')), 'a destination appeared')
  assert.ok(!existsSync(lockPathOf(join(directory, 'file'))), 'the lock is still there')
}

for (const [name, call] of Object.entries(functions)) {
  describe(`${name} is aborted`, () => {
    test('before it began: nothing is sent and nothing written', async (t) => {
      const origin = await startOrigin(t, { body: '{}' })
      const directory = temporaryDirectory(t)
      const reason = new Error('too late')
      const signal = AbortSignal.abort(reason)
      assertAborted(await rejection(call(origin.url, directory, { signal })), reason)
      await sleep(50)
      assert.equal(origin.connections, 0)
      assert.deepEqual(readdirSync(directory), [])
      assert.equal(getEventListeners(signal, 'abort').length, 0)
    })

    test('in the same turn in which it began', async (t) => {
      const origin = await startOrigin(t, silence)
      const directory = temporaryDirectory(t)
      const controller = new AbortController()
      const promise = call(origin.url, directory, { signal: controller.signal })
      controller.abort()
      assertAborted(await rejection(promise), controller.signal.reason)
      await until(() => origin.sockets.size === 0, 'the connection is closed', PROMPT)
      assert.ok(!existsSync(join(directory, 'file')))
    })

    test('while it connects to a server that accepts nothing', {
      skip: process.platform !== 'linux' && 'the queue of connections differs',
    }, async (t) => {
      const url = await startFullServer(t)
      await abortOnce(t, call, url, () => sleep(150))
    })

    test('in a TLS handshake that the server ignores', async (t) => {
      const origin = await startRawOrigin(t, () => {})
      const url = origin.url.replace('http:', 'https:')
      await abortOnce(t, call, url, () => until(() => origin.connections > 0, 'it connects'))
      await until(() => origin.sockets.size === 0, 'the connection is closed', PROMPT)
      await sleep(50)
      assert.equal(origin.connections, 1, 'it was tried again')
    })

    test('while it waits for the response', async (t) => {
      const origin = await startOrigin(t, silence)
      await abortOnce(t, call, origin.url, () => until(() => origin.requests.length > 0, 'asked'))
      await until(() => origin.sockets.size === 0, 'the connection is closed', PROMPT)
      await sleep(50)
      assert.equal(origin.requests.length, 1, 'it was tried again')
    })

    for (const [how, headers] of [
      ['with a length', { 'Content-Length': 100_000 }],
      ['in chunks', {}],
    ]) {
      test(`within the body, ${how}`, async (t) => {
        let sent = false
        const origin = await startOrigin(t, (_request, response) => {
          response.writeHead(200, { ...headers, ETag: '"1"' })
          response.write('x'.repeat(50_000), () => {
            sent = true
          })
        })
        const arrived = async () => {
          await until(() => sent, 'half of the body is sent')
          await sleep(50)
        }
        await abortOnce(t, call, origin.url, arrived)
        await until(() => origin.sockets.size === 0, 'the connection is closed', PROMPT)
        await sleep(50)
        assert.equal(origin.requests.length, 1, 'it was tried again')
      })
    }

    test('in a body that never stops coming', async (t) => {
      const origin = await startOrigin(t, (_request, response) => {
        const piece = Buffer.alloc(1 << 16, 'x')
        const more = () => {
          while (!response.destroyed && response.write(piece));
          response.once('drain', more)
        }
        response.writeHead(200)
        more()
      })
      const arrived = async () => {
        await until(() => origin.requests.length > 0, 'asked')
        await sleep(50)
      }
      await abortOnce(t, call, origin.url, arrived)
      await until(() => origin.sockets.size === 0, 'the connection is closed', PROMPT)
      assert.equal(origin.requests.length, 1)
    })

    for (const [what, scripted] of [
      ['a 503', { status: 503 }],
      ['a Retry-After', { status: 503, headers: { 'Retry-After': '20' } }],
    ]) {
      test(`while it pauses after ${what}`, async (t) => {
        const origin = await startOrigin(t, scripted)
        const arrived = async () => {
          await until(() => origin.requests.length > 0, 'asked')
          await sleep(100)
        }
        const options = { retries: 5, retryDelay: 20_000 }
        await abortOnce(t, call, origin.url, arrived, options)
        await sleep(50)
        assert.equal(origin.requests.length, 1)
      })
    }

    test('while it pauses because nobody listens', async (t) => {
      const options = { retries: 5, retryDelay: 20_000 }
      await abortOnce(t, call, await unusedUrl(), () => sleep(150), options)
    })

    test('after a redirect', async (t) => {
      const script = [{ status: 302, headers: { Location: '/next' } }, silence]
      const origin = await startOrigin(t, script)
      await abortOnce(t, call, origin.url, () => until(() => origin.requests.length > 1, 'asked'))
      await until(() => origin.sockets.size === 0, 'the connection is closed', PROMPT)
    })

    test('with any reason', async (t) => {
      const origin = await startOrigin(t, silence)
      const directory = temporaryDirectory(t)
      for (const reason of ['a string', 42, null, { an: 'object' }, Symbol('reason'), () => {}]) {
        const controller = new AbortController()
        const promise = call(origin.url, directory, { signal: controller.signal })
        setTimeout(() => controller.abort(reason), 20)
        assertAborted(await rejection(promise), reason)
        const before = AbortSignal.abort(reason)
        assertAborted(await rejection(call(origin.url, directory, { signal: before })), reason)
      }
    })

    test('by AbortSignal.timeout, with its reason', async (t) => {
      const origin = await startOrigin(t, silence)
      const signal = AbortSignal.timeout(50)
      const error = await rejection(call(origin.url, temporaryDirectory(t), { signal }))
      assertAborted(error, signal.reason)
      assert.equal(error.cause.name, 'TimeoutError')
    })

    test('by one of several signals', async (t) => {
      const origin = await startOrigin(t, silence)
      const controller = new AbortController()
      const signal = AbortSignal.any([new AbortController().signal, controller.signal])
      const promise = call(origin.url, temporaryDirectory(t), { signal })
      setTimeout(() => controller.abort(new Error('one is enough')), 20)
      assertAborted(await rejection(promise), controller.signal.reason)
    })

    test('too late: a settled call stays as it was', async (t) => {
      const origin = await startOrigin(t, { body: '{}' })
      const directory = temporaryDirectory(t)
      const controller = new AbortController()
      await call(origin.url, directory, { signal: controller.signal })
      assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
      controller.abort()
      await sleep(20)
      const kept = name.startsWith('httpD') || name.startsWith('down') ? ['file'] : []
      assert.deepEqual(await filesUnder(directory), kept)
      assert.equal(origin.requests.length, 1)
    })
  })

  describe(`${name} refuses what is no signal`, () => {
    for (const [shown, value] of [
      ['a string', 'abort'],
      ['a number', 5],
      ['true', true],
      ['an object', {}],
      ['an array', []],
      ['a function', () => {}],
      ['an AbortController', new AbortController()],
      ['an EventTarget', new EventTarget()],
      ['an object that says it is aborted', { aborted: true, reason: 'none' }],
    ]) {
      test(shown, async (t) => {
        const origin = await startOrigin(t, { body: '{}' })
        const directory = temporaryDirectory(t)
        const error = await rejection(call(origin.url, directory, { signal: value }))
        assert.ok(error instanceof TypeError, `${error}`)
        assert.match(error.message, /\bsignal\b/)
        assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
        assert.equal(origin.connections, 0)
        assert.deepEqual(readdirSync(directory), [])
      })
    }

    test('but takes undefined for none', async (t) => {
      const origin = await startOrigin(t, { body: '{}' })
      await call(origin.url, temporaryDirectory(t), { signal: undefined })
      assert.equal(origin.requests.length, 1)
    })
  })
}

describe('one signal for many calls', () => {
  test('has no listeners left after a thousand of them, good and bad', async (t) => {
    const origin = await startOrigin(t, ({ path }) => ({
      status: path === '/bad' ? 404 : 200,
      body: '{}',
    }))
    const directory = temporaryDirectory(t)
    const refusing = await unusedUrl()
    const { signal } = new AbortController()
    const calls = [
      () => httpRequest(origin.url, { signal }),
      () => httpGetJson(origin.url, { signal }),
      () => httpGetText(`${origin.url}/bad`, { signal }),
      () => httpDownload(origin.url, join(directory, 'one'), { signal }),
      () => httpDownload(`${origin.url}/bad`, join(directory, 'two'), { signal }),
      () => downloadWithLock(origin.url, join(directory, 'three'), { signal }),
      () => httpRequest(refusing, { signal }),
      () => httpRequest('no url', { signal }),
      () => httpRequest(origin.url, { signal, timeout: 'long' }),
      () => httpRequest(origin.url, { signal, headers: { 'a b': 'c' } }),
    ]
    for (let round = 0; round < 50; round += 1) {
      await Promise.allSettled([...calls, ...calls].map((each) => each()))
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })

  test('ends all that are under way, and has no listeners left', async (t) => {
    const origin = await startOrigin(t, silence)
    const controller = new AbortController()
    const { signal } = controller
    const calls = Array.from({ length: 200 }, () => httpRequest(origin.url, { signal }))
    const settled = Promise.allSettled(calls)
    await until(() => origin.requests.length === 200, 'all have asked', 15_000)
    controller.abort()
    for (const { reason } of await settled) assertAborted(reason, signal.reason)
    assert.equal(getEventListeners(signal, 'abort').length, 0)
    await until(() => origin.sockets.size === 0, 'all connections are closed', PROMPT)
  })

  test('does nothing to the calls of another', async (t) => {
    const origin = await startOrigin(t, later(200, { body: 'still here' }))
    const controllers = [new AbortController(), new AbortController()]
    const [first, second] = controllers.map(({ signal }) => httpRequest(origin.url, { signal }))
    const rejected = rejection(first)
    await until(() => origin.requests.length === 2, 'both have asked')
    controllers[0].abort()
    assertAborted(await rejected, controllers[0].signal.reason)
    assert.equal((await second).text(), 'still here')
  })
})

test('a signal that fires before a stream can be returned rejects the call', async (t) => {
  // In a thread of its own, because this one is blocked.
  const server = `
    const server = require('node:http').createServer((_, response) => response.write('x'))
    server.listen(0, '127.0.0.1', () => {
      require('node:worker_threads').parentPort.postMessage(server.address().port)
    })`
  const worker = new Worker(server, { eval: true })
  t.after(() => worker.terminate())
  const [port] = await once(worker, 'message')
  const controller = new AbortController()
  const options = { stream: true, signal: controller.signal }
  const rejected = rejection(httpRequest(`http://127.0.0.1:${port}`, options))
  await sleep(1)
  const end = performance.now() + 500
  while (performance.now() < end);
  controller.abort()
  assertAborted(await rejected, controller.signal.reason)
})

describe('callers that share a download with the lock', () => {
  const body = Buffer.alloc(200_000, 'x')

  /** Three callers of one destination, each with a controller; the download stops halfway. */
  async function share(t) {
    let finish
    const told = new Promise((resolve) => {
      finish = resolve
    })
    const origin = await startOrigin(t, async (_request, response) => {
      response.writeHead(200, { 'Content-Length': body.length })
      response.write(body.subarray(0, 100_000))
      await told
      response.end(body.subarray(100_000))
    })
    const destination = join(temporaryDirectory(t), 'file')
    const callers = Array.from({ length: 3 }, () => {
      const controller = new AbortController()
      const { signal } = controller
      const promise = downloadWithLock(origin.url, destination, { signal })
      promise.catch(() => {})
      return { controller, promise }
    })
    await until(() => origin.requests.length > 0, 'the request')
    await sleep(50)
    return { origin, destination, callers, finish }
  }

  for (const [who, leaving] of [
    ['the one that started it', 0],
    ['one that joined', 1],
  ]) {
    test(`continue when ${who} is aborted`, async (t) => {
      const { origin, destination, callers, finish } = await share(t)
      const leaver = callers[leaving]
      leaver.controller.abort(new Error('leaving'))
      const started = performance.now()
      assertAborted(await rejection(leaver.promise), leaver.controller.signal.reason)
      assert.ok(performance.now() - started < PROMPT)
      assert.equal(origin.sockets.size, 1, 'the connection of the others was closed')
      assert.ok(existsSync(lockPathOf(destination)), 'the lock of the others is gone')
      finish()
      const others = callers.filter((caller) => caller !== leaver)
      for (const { size } of await Promise.all(others.map(({ promise }) => promise))) {
        assert.equal(size, body.length)
      }
      assert.ok(readFileSync(destination).equals(body))
      assert.equal(origin.requests.length, 1)
      for (const { controller } of callers) {
        assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
      }
    })
  }

  test('the last takes lock and connection along', async (t) => {
    const { origin, destination, callers } = await share(t)
    for (const [index, { controller, promise }] of callers.entries()) {
      controller.abort(new Error(`caller ${index} leaves`))
      const error = await rejection(promise)
      const isLast = index === callers.length - 1
      assert.equal(existsSync(lockPathOf(destination)), !isLast, `the lock, after caller ${index}`)
      if (isLast) await connectionIsClosed(origin.port)
      assertAborted(error, controller.signal.reason)
    }
    await until(() => origin.sockets.size === 0, 'the connection is closed', PROMPT)
    assert.ok(!existsSync(destination))
    assert.equal(origin.requests.length, 1)
  })

  test('all at once take lock and connection along', async (t) => {
    const { origin, destination, callers } = await share(t)
    for (const { controller } of callers) controller.abort()
    for (const { controller, promise } of callers) {
      assertAborted(await rejection(promise), controller.signal.reason)
    }
    assert.ok(!existsSync(lockPathOf(destination)), 'the lock is still there')
    await connectionIsClosed(origin.port)
  })

  test('a new one may start at once after all have left', async (t) => {
    const { origin, destination, callers, finish } = await share(t)
    for (const { controller } of callers) controller.abort()
    finish()
    const { size } = await downloadWithLock(origin.url, destination)
    assert.equal(size, body.length)
    assert.ok(readFileSync(destination).equals(body))
  })

  test('an abort is not taken for a failure of the others by those who come later', async (t) => {
    const { origin, destination, callers, finish } = await share(t)
    callers[0].controller.abort()
    await rejection(callers[0].promise)
    const late = downloadWithLock(origin.url, destination)
    finish()
    assert.equal((await late).size, body.length)
    assert.equal(origin.requests.length, 1)
  })
})

describe('a signal of which a part throws', () => {
  const thrown = new Error('not today')
  const fail = () => {
    throw thrown
  }
  const signals = {
    'removeEventListener, when called': { removeEventListener: fail },
    'removeEventListener, when read': {
      get removeEventListener() {
        return fail()
      },
    },
    'reason, when read': {
      get reason() {
        return fail()
      },
    },
  }

  for (const [what, parts] of Object.entries(signals)) {
    test(`${what}: rejects its own call, and none beside it`, async (t) => {
      const origin = await startOrigin(t, later(20, { body: '{}' }))
      const listeners = []
      const signal = Object.defineProperties(
        {
          aborted: false,
          addEventListener: (_type, listener) => listeners.push(listener),
          removeEventListener() {},
        },
        Object.getOwnPropertyDescriptors(parts),
      )
      const others = () => Array.from({ length: 8 }, () => httpGetText(origin.url))
      const before = others()
      const call = httpGetText(origin.url, { signal })
      const after = others()
      if ('reason' in signal) listeners[0]()
      assert.equal(await rejection(call), thrown)
      assert.deepEqual(await Promise.all([...before, ...after]), Array(16).fill('{}'))
    })
  }
})

/** Soon no process is connected to a port any more, as the kernel sees it. */
async function connectionIsClosed(port) {
  if (process.platform !== 'linux') return
  const ESTABLISHED = '01'
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const isClosed = () =>
    !readFileSync('/proc/net/tcp', 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .some(([, , to, state]) => to === remote && state === ESTABLISHED)
  await until(isClosed, 'the connection is closed', PROMPT)
}

describe('one signal for many calls', () => {
  for (const kind of ['call', 'stream']) {
    test(`has one listener and prints no warning: ${kind}`, async (t) => {
      const warnings = []
      const onWarning = (warning) => warnings.push(warning)
      process.on('warning', onWarning)
      t.after(() => process.off('warning', onWarning))
      const origin = await startOrigin(t, (_, response) => {
        response.writeHead(200).write('begun')
      })
      const controller = new AbortController()
      const { signal } = controller
      const options = { signal, stream: kind === 'stream' }
      const calls = Array.from({ length: 100 }, () => httpRequest(origin.url, options))
      assert.equal(getEventListeners(signal, 'abort').length, 1)
      let endings = calls
      if (kind === 'stream') {
        const responses = await Promise.all(calls)
        endings = responses.map(({ rawResponse }) => finished(rawResponse))
        assert.equal(getEventListeners(signal, 'abort').length, 1)
      } else {
        await until(() => origin.requests.length === 100, 'all have asked')
      }
      for (const ending of endings) ending.catch(() => {})
      const reason = new Error('enough')
      controller.abort(reason)
      for (const ending of endings) assertAborted(await rejection(ending), reason)
      assert.equal(getEventListeners(signal, 'abort').length, 0)
      await sleep(0)
      assert.deepEqual(warnings, [])
    })
  }

  test('has none left when some have ended and the rest are aborted', async (t) => {
    const origin = await startOrigin(t, [{ body: 'a' }, silence])
    const controller = new AbortController()
    const { signal } = controller
    await httpRequest(origin.url, { signal })
    assert.equal(getEventListeners(signal, 'abort').length, 0)
    const last = httpRequest(origin.url, { signal })
    last.catch(() => {})
    assert.equal(getEventListeners(signal, 'abort').length, 1)
    controller.abort()
    assertAborted(await rejection(last), signal.reason)
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })
})
