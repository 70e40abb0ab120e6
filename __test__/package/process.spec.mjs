import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startFlowOrigin } from '../helpers/origins/flow-origin.mjs'
import { later, redirectTo, silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import { unusedUrl } from '../helpers/origins/raw-origin.mjs'
import { runProgram, temporaryDirectory } from '../helpers/support.mjs'

/** Far less than any time for which a kept connection or a forgotten timer would hold a process. */
const SOON = 10_000

/** Less than the time after which V8 collects the garbage of an idle process. */
const BEFORE_COLLECTION = 4000

function assertEndedSoon({ code, signal, stderr, marked, ended }, limit = SOON) {
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
  assert.ok(ended - marked < limit, `lived ${ended - marked} ms longer than it had to`)
}

describe('a process with nothing left to do ends by itself', () => {
  test('after loading the package', async () => {
    assertEndedSoon(await runProgram('import-only.mjs'))
  })

  for (const what of ['request', 'many']) {
    test(`after a response (${what}), its connections still open`, async (t) => {
      const origin = await startOrigin(t, { body: 'x' })
      const result = await runProgram('settle.mjs', [what, origin.url])
      assert.equal(result.stdout, 'settled: resolved\n')
      assertEndedSoon(result)
    })
  }

  test('after a failure', async () => {
    const result = await runProgram('settle.mjs', ['failure', await unusedUrl()])
    assert.match(result.stdout, /^settled: HTTP request failed: /)
    assertEndedSoon(result)
  })

  for (const transport of ['native', 'node']) {
    test(`after uploads whose connections were closed midway (${transport})`, async (t) => {
      const origin = await startFlowOrigin(t, (_incoming, response) => {
        response.writeHead(200, { 'Content-Length': 20 }).write('ok')
        setTimeout(() => response.destroy(), 10)
      })
      const result = await runProgram('settle.mjs', [`uploads by ${transport}`, origin.url])
      assert.match(result.stdout, /^settled: /)
      assertEndedSoon(result, BEFORE_COLLECTION)
    })
  }

  test('after a timeout', async (t) => {
    const origin = await startOrigin(t, silence)
    const result = await runProgram('settle.mjs', ['timeout', origin.url])
    assert.equal(result.stdout, 'settled: Request timed out after 300ms\n')
    assertEndedSoon(result)
  })

  test('after a download', async (t) => {
    const origin = await startOrigin(t, { body: 'x'.repeat(100_000) })
    const destination = join(temporaryDirectory(t), 'file')
    const result = await runProgram('settle.mjs', ['download', origin.url, destination])
    assert.equal(result.stdout, 'settled: resolved\n')
    assertEndedSoon(result)
    assert.equal(statSync(destination).size, 100_000)
  })
})

describe('a process stays alive', () => {
  test('while a response is awaited', async (t) => {
    const origin = await startOrigin(t, later(700, { body: 'x' }))
    const result = await runProgram('settle.mjs', ['request', origin.url])
    assert.equal(result.stdout, 'settled: resolved\n')
    assert.equal(result.code, 0)
  })

  test('while a redirect is followed', async (t) => {
    const origin = await startOrigin(t, [later(300, redirectTo('/end')), later(300)])
    const result = await runProgram('settle.mjs', ['request', origin.url])
    assert.equal(result.stdout, 'settled: resolved\n')
  })

  test('while a retry is waited for', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, { status: 503 }, { body: 'x' }])
    const result = await runProgram('settle.mjs', ['retry', origin.url])
    assert.equal(result.stdout, 'settled: resolved\n')
    assert.equal(origin.requests.length, 3)
  })

  test('while a download is running', async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { 'Content-Length': 10 })
      response.write('first')
      setTimeout(() => response.end('later'), 700)
    })
    const destination = join(temporaryDirectory(t), 'file')
    const result = await runProgram('settle.mjs', ['download', origin.url, destination])
    assert.equal(result.stdout, 'settled: resolved\n')
    assert.equal(statSync(destination).size, 10)
  })
})

describe('a process can leave in the middle', () => {
  /** A server with something to be in the middle of. */
  async function startEndlessOrigin(t) {
    return startOrigin(t, ({ path }, response) => {
      if (path === '/busy') {
        return { status: 503 }
      }
      if (path === '/endless') {
        response.writeHead(200, { 'Content-Length': 1e12 })
        const timer = setInterval(() => response.write(Buffer.alloc(10_000)), 10)
        response.on('close', () => clearInterval(timer))
      }
      return path === '/' ? { body: 'x' } : undefined
    })
  }

  for (const how of ['exit', 'exit-at-once', 'exit-in-progress']) {
    test(`by process.exit (${how})`, async (t) => {
      const origin = await startEndlessOrigin(t)
      const directory = temporaryDirectory(t)
      const result = await runProgram('leave-midway.mjs', [how, origin.url, directory])
      const { code, signal, stderr } = result
      assert.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: '' })
      assert.deepEqual(
        readdirSync(directory).filter((name) => /^file-\d$/.test(name)),
        [],
      )
    })
  }

  test('by an error that nobody catches', async (t) => {
    const origin = await startEndlessOrigin(t)
    const directory = temporaryDirectory(t)
    const result = await runProgram('leave-midway.mjs', ['throw', origin.url, directory])
    assert.equal(result.code, 1)
    assert.equal(result.signal, null)
    assert.match(result.stderr, /out of here/)
  })

  test('of what its worker threads are doing', async (t) => {
    const origin = await startEndlessOrigin(t)
    const result = await runProgram('workers.mjs', [origin.url, '10'])
    assert.equal(result.stdout, 'settled\n')
    assertEndedSoon(result)
  })
})

test('a big download leaves the event loop free and the memory small', async (t) => {
  const size = 300 * 1024 * 1024
  const server = fork(
    fileURLToPath(new URL('../helpers/processes/big-origin.mjs', import.meta.url)),
  )
  t.after(() => server.kill())
  const [port] = await once(server, 'message')
  const destination = join(temporaryDirectory(t), 'file')
  const url = `http://127.0.0.1:${port}/${size}`
  const result = await runProgram('watch-download.mjs', [url, destination], { limit: 300_000 })
  assert.equal(result.code, 0, result.stderr)
  const watched = JSON.parse(result.stdout)
  assert.equal(watched.size, size)
  assert.equal(statSync(destination).size, size)
  assert.ok(watched.longestGap < 1000, `the event loop stood still for ${watched.longestGap} ms`)
  assert.ok(watched.ticks >= watched.elapsed / 100, `${watched.ticks} ticks`)
  assert.ok(watched.growth < 100 * 1024 * 1024, `the memory grew by ${watched.growth} bytes`)
  assert.ok(watched.calls <= watched.elapsed / 40 + 3, `${watched.calls} progress calls`)
})
