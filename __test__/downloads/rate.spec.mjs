// `maxBytesPerSecond` and SOCKET_DOWNLOAD_RATE: how fast bytes come, and how far the server gets
// ahead.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { httpDownload } from '@socketsecurity/registry'
import '../helpers/origins/no-proxy.mjs'
import { startRangeOrigin, version } from '../helpers/origins/range-origin.mjs'
import { rejection, sleep, temporaryDirectory } from '../helpers/support.mjs'

const KB = 1000
const MB = 1000 * KB
const MIB = 1 << 20

/** A server that sends zeros as fast as they are taken, and knows how many were. */
async function startZeros(t, size) {
  const zeros = Buffer.alloc(MIB)
  const origin = { url: '', taken: 0 }
  const server = createServer(async (_request, response) => {
    response.on('error', () => {})
    response.writeHead(200, { 'Content-Length': size })
    let left = size
    while (left > 0 && !response.destroyed) {
      const piece = zeros.subarray(0, Math.min(left, zeros.length))
      left -= piece.length
      await new Promise((resolve) => {
        response.once('close', resolve)
        response.write(piece, resolve)
      })
      response.removeAllListeners('close')
      origin.taken += piece.length
    }
    response.end()
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  origin.url = `http://127.0.0.1:${server.address().port}/`
  return origin
}

/**
 * Bytes per second of a download, over so many seconds: since the call, and since its first byte
 * was noticed. On a busy machine that is late, so the first is for what must not be exceeded, the
 * second for what must be reached.
 */
async function rateOf(t, url, seconds, options) {
  const controller = new AbortController()
  const seen = []
  const onProgress = (downloaded) => seen.push([performance.now(), downloaded])
  const destination = join(temporaryDirectory(t), 'file')
  const { signal } = controller
  const started = performance.now()
  const downloading = httpDownload(url, destination, { ...options, onProgress, signal }).catch(
    () => {},
  )
  await Promise.race([downloading, sleep(seconds * 1000)])
  controller.abort()
  await downloading
  const [first, last] = [seen[0], seen.at(-1)]
  const since = (time) => ((last[1] - first[1]) / (last[0] - time)) * 1000
  return { sinceCall: since(started), sinceFirst: since(first[0]) }
}

/** The rate of several downloads together. */
const together = (rates) => ({
  sinceCall: rates.reduce((sum, { sinceCall }) => sum + sinceCall, 0),
  sinceFirst: rates.reduce((sum, { sinceFirst }) => sum + sinceFirst, 0),
})

/**
 * The rates that `measure` gives never exceed their limits, and reach three quarters of them: at
 * the latest when it is measured for the third time, because the machine may have other work
 * meanwhile.
 */
async function assertKept(limits, measure) {
  for (let attempt = 1; ; attempt += 1) {
    const rates = await measure()
    const seen = `${JSON.stringify(rates)} of ${limits}`
    const isKept = ({ sinceCall }, index) => sinceCall < limits[index] * 1.15
    assert.ok(rates.every(isKept), seen)
    if (rates.every(({ sinceFirst }, index) => sinceFirst > limits[index] * 0.75)) return
    assert.ok(attempt < 3, seen)
  }
}

describe('maxBytesPerSecond', () => {
  test('is observed from 10 kB/s to 1 GB/s', async (t) => {
    const origin = await startZeros(t, 4096 * MIB)
    for (const rate of [10 * KB, 300 * KB, 5 * MB]) {
      const options = { maxBytesPerSecond: rate }
      await assertKept([rate], async () => [await rateOf(t, origin.url, 2, options)])
    }
    // How fast this machine is nobody knows.
    for (const rate of [100 * MB, 1000 * MB]) {
      const { sinceCall } = await rateOf(t, origin.url, 1, { maxBytesPerSecond: rate })
      assert.ok(sinceCall < rate * 1.15, `${rate}: ${sinceCall}`)
    }
  })

  test('is observed within 5 % over ten seconds', { skip: !process.env.LONG_TESTS }, async (t) => {
    const origin = await startZeros(t, 4096 * MIB)
    const rates = [10 * KB, 1 * MB, 50 * MB]
    await Promise.all(
      rates.map(async (rate) => {
        const seen = await rateOf(t, origin.url, 10, { maxBytesPerSecond: rate })
        const ratios = [seen.sinceFirst / rate, seen.sinceCall / rate]
        assert.ok(ratios[0] > 0.95 && ratios[1] < 1.05, `${rate}: ${ratios}`)
      }),
    )
  })

  test('is a limit of all connections of a call together', async (t) => {
    const origin = await startRangeOrigin(t, version(16 * MIB))
    const rate = 2 * MB
    const options = { maxBytesPerSecond: rate, connections: 8 }
    await assertKept([rate], async () => [await rateOf(t, origin.url, 2, options)])
    assert.ok(origin.most > 1)
  })

  test('of 0 or Infinity is no limit', async (t) => {
    const origin = await startZeros(t, 8 * MIB)
    for (const maxBytesPerSecond of [0, Number.POSITIVE_INFINITY]) {
      const destination = join(temporaryDirectory(t), 'file')
      await httpDownload(origin.url, destination, { maxBytesPerSecond, timeout: 20_000 })
    }
  })

  test('must be a number', async () => {
    for (const maxBytesPerSecond of [-1, Number.NaN, '1M', null, {}]) {
      const options = { maxBytesPerSecond }
      const error = await rejection(httpDownload('http://127.0.0.1:9/', '/nowhere/file', options))
      assert.match(error.code, /^ERR_INVALID_ARG_(TYPE|VALUE)$/, `${maxBytesPerSecond}`)
    }
  })

  test('makes the server wait: it is never more than some megabytes ahead', async (t) => {
    const origin = await startZeros(t, 512 * MIB)
    await rateOf(t, origin.url, 1.5, { maxBytesPerSecond: 100 * KB })
    // Most of this is in the buffers of the system, on either side.
    assert.ok(origin.taken < 16 * MIB, `${origin.taken} bytes`)
  })

  test('is exact for a small file: it takes its time', async (t) => {
    const origin = await startZeros(t, 100 * KB)
    const started = performance.now()
    const destination = join(temporaryDirectory(t), 'file')
    await httpDownload(origin.url, destination, { maxBytesPerSecond: 100 * KB })
    const took = performance.now() - started
    assert.ok(took > 850 && took < 10_000, `${took} ms`)
  })
})

describe('SOCKET_DOWNLOAD_RATE', () => {
  const withRate = async (rate, work) => {
    process.env.SOCKET_DOWNLOAD_RATE = rate
    try {
      return await work()
    } finally {
      delete process.env.SOCKET_DOWNLOAD_RATE
    }
  }

  test('is a limit of all downloads of the process together', async (t) => {
    const origin = await startZeros(t, 64 * MIB)
    const rate = 512 * 1024
    await withRate('512k', () =>
      assertKept([rate], async () => {
        const rates = await Promise.all([1, 2, 3].map(() => rateOf(t, origin.url, 2)))
        assert.ok(
          rates.every(({ sinceFirst }) => sinceFirst > rate / 6),
          `each has its share: ${JSON.stringify(rates)}`,
        )
        return [together(rates)]
      }),
    )
  })

  test('and the limit of the call apply both', async (t) => {
    const origin = await startZeros(t, 64 * MIB)
    const options = { maxBytesPerSecond: 200 * KB }
    await withRate('1M', () =>
      assertKept([200 * KB, MIB], async () => {
        const rates = [rateOf(t, origin.url, 1.5, options), rateOf(t, origin.url, 1.5)]
        const [slow, other] = await Promise.all(rates)
        return [slow, together([slow, other])]
      }),
    )
  })

  test('that cannot be read rejects every download, with what it is', async (t) => {
    for (const rate of ['fast', '1.5M', '-1', '2MB', ' ']) {
      const destination = join(temporaryDirectory(t), 'file')
      const error = await withRate(rate, () =>
        rejection(httpDownload('http://127.0.0.1:9/', destination)),
      )
      assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
      assert.match(error.message, /^SOCKET_DOWNLOAD_RATE must be a number of bytes per second/)
      assert.ok(error.message.endsWith(`Received ${JSON.stringify(rate)}`), error.message)
    }
  })

  test('of nothing or 0 is no limit', async (t) => {
    const origin = await startZeros(t, 4 * MIB)
    for (const rate of ['', '0']) {
      const destination = join(temporaryDirectory(t), 'file')
      await withRate(rate, () => httpDownload(origin.url, destination, { timeout: 20_000 }))
    }
  })
})
