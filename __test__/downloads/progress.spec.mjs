import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { httpDownload, httpGetText } from '@socketsecurity/registry/lib/http-request'
import { slowly, startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, sleep, temporaryDirectory, until } from '../helpers/support.mjs'

function assertNeverFalls(calls) {
  for (const [index, [downloaded]] of calls.entries()) {
    const [before] = calls[index - 1] ?? [0]
    assert.ok(downloaded >= before, `fell from ${before} to ${downloaded}`)
  }
}

test('progress rises to the total, which it reaches before the promise resolves', async (t) => {
  const body = Buffer.alloc(1_000_000, 'x')
  const origin = await startOrigin(t, slowly(body, 20, 20))
  const calls = []
  await httpDownload(origin.url, join(temporaryDirectory(t), 'file'), {
    onProgress: (...values) => calls.push(values),
  })
  const atTheEnd = calls.length
  assert.deepEqual(calls.at(-1), [body.length, body.length])
  assertNeverFalls(calls)
  for (const values of calls) {
    assert.equal(values.length, 2)
    const [downloaded, total] = values
    assert.equal(total, body.length)
    assert.ok(Number.isInteger(downloaded) && downloaded >= 0 && downloaded <= total)
  }
  await sleep(120)
  assert.equal(calls.length, atTheEnd, 'called after the promise had resolved')
})

test('onProgress is called about every 50 ms, however small the chunks', async (t) => {
  const body = Buffer.alloc(100_000, 'x')
  const origin = await startOrigin(t, slowly(body, 100, 8))
  const start = performance.now()
  let calls = 0
  await httpDownload(origin.url, join(temporaryDirectory(t), 'file'), {
    onProgress: () => {
      calls += 1
    },
  })
  const elapsed = performance.now() - start
  assert.ok(calls >= 4, `only ${calls} calls in ${elapsed} ms`)
  assert.ok(calls <= elapsed / 40 + 3, `${calls} calls in ${elapsed} ms`)
})

test('a file that is received at once is reported at least once, as complete', async (t) => {
  const origin = await startOrigin(t, { body: 'small' })
  const calls = []
  await httpDownload(origin.url, join(temporaryDirectory(t), 'file'), {
    onProgress: (downloaded, total) => calls.push([downloaded, total]),
  })
  assert.deepEqual(calls.at(-1), [5, 5])
})

test('there is no progress when the total is unknown', async (t) => {
  const body = Buffer.alloc(200_000, 'x')
  const origin = await startOrigin(t, slowly(body, 10, 20, {}))
  let calls = 0
  const { size } = await httpDownload(origin.url, join(temporaryDirectory(t), 'file'), {
    onProgress: () => {
      calls += 1
    },
  })
  assert.equal(size, body.length)
  assert.equal(calls, 0)
})

test('there is no progress when the response is an error', async (t) => {
  const origin = await startOrigin(t, { status: 404, body: 'a page that says so' })
  let calls = 0
  await rejection(
    httpDownload(origin.url, join(temporaryDirectory(t), 'file'), {
      onProgress: () => {
        calls += 1
      },
    }),
  )
  assert.equal(calls, 0)
})

test('progress does not fall when an attempt starts again', async (t) => {
  const body = Buffer.alloc(300_000, 'x')
  const origin = await startOrigin(t, async (request, response, index) => {
    if (index > 0) {
      return slowly(body, 10, 20)(request, response)
    }
    response.writeHead(200, { 'Content-Length': body.length })
    response.write(body.subarray(0, 200_000))
    await sleep(200)
    response.destroy()
  })
  const calls = []
  const destination = join(temporaryDirectory(t), 'file')
  await httpDownload(origin.url, destination, {
    retries: 1,
    retryDelay: 1,
    onProgress: (...values) => calls.push(values),
  })
  assert.equal(origin.requests.length, 2)
  assertNeverFalls(calls)
  assert.deepEqual(calls.at(-1), [body.length, body.length])
  assert.ok(readFileSync(destination).equals(body))
})

for (const [what, thrown] of [
  ['an Error', Object.assign(new RangeError('enough'), { extra: {} })],
  ['an object', { reason: 'enough' }],
  ['a string', 'enough'],
]) {
  test(`${what} thrown by onProgress stops the download and rejects it`, async (t) => {
    const body = Buffer.alloc(10_000_000, 'x')
    const origin = await startOrigin(t, slowly(body, 1000, 10))
    const destination = join(temporaryDirectory(t), 'file')
    const start = performance.now()
    const error = await rejection(
      httpDownload(origin.url, destination, {
        retries: 3,
        retryDelay: 1,
        onProgress: () => {
          throw thrown
        },
      }),
    )
    assert.equal(error, thrown)
    assert.ok(performance.now() - start < 10_000, 'the download went on')
    assert.equal(origin.requests.length, 1)
    assert.ok(!existsSync(destination))
    await until(() => origin.sockets.size === 0, 'the connection is closed')
  })
}

test('a throw at the last call rejects too', async (t) => {
  const thrown = new Error('enough')
  const origin = await startOrigin(t, { body: 'small' })
  const error = await rejection(
    httpDownload(origin.url, join(temporaryDirectory(t), 'file'), {
      onProgress: () => {
        throw thrown
      },
    }),
  )
  assert.equal(error, thrown)
})

test('onProgress may start a request of its own', async (t) => {
  const origin = await startOrigin(t, { body: 'small' })
  let inner
  await httpDownload(origin.url, join(temporaryDirectory(t), 'file'), {
    onProgress: () => {
      inner ??= httpGetText(origin.url)
    },
  })
  assert.equal(await inner, 'small')
})
