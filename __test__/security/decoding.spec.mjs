// Bodies that unpack to more than anybody wants, or to nothing for ever: they cost their own call,
// and no other.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:http'
import { describe, test } from 'node:test'
import { brotliCompressSync, constants, deflateRawSync, gzipSync } from 'node:zlib'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import {
  decodeBody,
  readIncomingResponse,
} from '@socketsecurity/registry/lib/http-request/response-reader'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { zstdRepeat } from '../helpers/origins/zstd-frame.mjs'
import { rejection, sleep } from '../helpers/support.mjs'

const MB = 1024 * 1024
/** How long a bomb may work. The time it would need is many times as long. */
const TIME = 400
/** Longer than a busy machine delays a call. A bomb in the way lets one call pass, not several. */
const DELAY_MAX = 1500
/** For how long the processor time is watched. */
const WATCHED = 800

// Data that unpacks to nothing: a beginning, and a unit that may follow it without end.
const emptyMember = gzipSync('')
const nothing = {
  gzip: [emptyMember, emptyMember],
  zstd: [Buffer.alloc(0), Buffer.from('28b52ffd2000010000', 'hex')],
  deflate: [Buffer.alloc(0), Buffer.from('000000ffff', 'hex')],
  br: [Buffer.from([0x0c]), Buffer.from([0x06])],
}

/** `unit` for some `size` bytes. */
const repeated = (unit, size) => Buffer.alloc(size - (size % unit.length), unit)

// Ways to say "this unit, again and again" in few bytes.
const packed = {
  gzip: (beginning, unit) =>
    Buffer.concat([gzipSync(beginning), ...Array(128).fill(gzipSync(repeated(unit, 8 * MB)))]),
  deflate(beginning, unit) {
    const open = { finishFlush: constants.Z_FULL_FLUSH }
    const piece = deflateRawSync(repeated(unit, 8 * MB), open)
    return Buffer.concat([deflateRawSync(beginning, open), ...Array(128).fill(piece)])
  },
  br: (beginning, unit) =>
    brotliCompressSync(Buffer.concat([beginning, repeated(unit, 192 * MB)]), {
      params: { [constants.BROTLI_PARAM_QUALITY]: 2, [constants.BROTLI_PARAM_LGWIN]: 24 },
    }),
  zstd: (beginning, unit) =>
    Buffer.concat([
      // A frame of one raw block, unless it would be empty.
      beginning.length > 0
        ? Buffer.from([
            0x28,
            0xb5,
            0x2f,
            0xfd,
            0x20,
            beginning.length,
            1 | (beginning.length << 3),
            0,
            0,
          ])
        : beginning,
      beginning,
      zstdRepeat(unit, 1024 * MB),
    ]),
}

const bombs = Object.keys(nothing).flatMap((inner) =>
  Object.keys(packed).map((outer) => ({ inner, outer, encoding: `${inner}, ${outer}` })),
)
const made = new Map()

/** Some take as long to pack as a test takes. */
function bomb({ inner, outer }) {
  const name = `${inner}, ${outer}`
  if (!made.has(name)) made.set(name, packed[outer](...nothing[inner]))
  return made.get(name)
}

/**
 * Calls `request` again and again until a promise settles; the time of the longest call, and how
 * many ended before.
 */
async function meanwhile(promise, request) {
  let isOver = false
  const settled = promise.finally(() => {
    isOver = true
  })
  settled.catch(() => {})
  let [longest, count] = [0, 0]
  while (!isOver) {
    const begun = performance.now()
    await request()
    longest = Math.max(longest, performance.now() - begun)
    if (!isOver) count += 1
  }
  return { longest, count, settled }
}

async function assertUndisturbed(promise, request) {
  const begun = performance.now()
  const { longest, count, settled } = await meanwhile(promise, request)
  const error = await rejection(settled)
  const took = performance.now() - begun
  assert.ok(longest < DELAY_MAX, `a call took ${longest} ms meanwhile`)
  // A machine under load may get no further than one; without the slices there is none.
  assert.ok(count > 0, 'no call ended meanwhile')
  return { error, took }
}

/** The processor time of this process in some idle milliseconds, in milliseconds. */
async function busyFor(milliseconds) {
  const before = process.cpuUsage()
  await sleep(milliseconds)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

const plain = (origin) => async () => {
  assert.equal((await httpRequest(`${origin.url}/plain`)).text(), 'here')
}

/** Gives `body` under `encoding`, and `here` at `/plain`. */
const startOriginOf = (t, encoding, body) =>
  startOrigin(t, ({ path }) =>
    path === '/plain' ? { body: 'here' } : { headers: { 'Content-Encoding': encoding }, body },
  )

describe('a body that unpacks to nothing for ever', () => {
  for (const each of bombs) {
    test(`in "${each.encoding}" delays no other call, and ends in time`, async (t) => {
      const origin = await startOriginOf(t, each.encoding, bomb(each))
      await plain(origin)()
      const request = httpRequest(origin.url, { timeout: TIME })
      const { error, took } = await assertUndisturbed(request, plain(origin))
      // A fast machine may come to the end of a body that can only be so large; it breaks off
      // there.
      const isOver = error.code === 'ERR_DECODE' && took < TIME
      assert.ok(error.code === 'ERR_TIMEOUT' || isOver, `${error.code} after ${took} ms`)
      assert.ok(took < TIME + DELAY_MAX, `it took ${took} ms`)
    })

    test(`in "${each.encoding}" counts against maxResponseSize`, async (t) => {
      const origin = await startOriginOf(t, each.encoding, bomb(each))
      const before = process.memoryUsage().rss
      const error = await rejection(httpRequest(origin.url, { maxResponseSize: MB }))
      assert.equal(error.code, 'ERR_BODY_TOO_LARGE')
      assert.ok(process.memoryUsage().rss - before < 100 * MB)
    })
  }

  test('costs nothing any more when the call was aborted', async (t) => {
    const origin = await startOriginOf(t, 'gzip, br', bomb({ inner: 'gzip', outer: 'br' }))
    const controller = new AbortController()
    const requests = Array.from({ length: 4 }, () =>
      rejection(httpRequest(origin.url, { signal: controller.signal })),
    )
    assert.ok((await busyFor(WATCHED)) > WATCHED / 10, 'it works')
    controller.abort()
    for (const error of await Promise.all(requests)) assert.equal(error.code, 'ABORT_ERR')
    await sleep(100)
    const busy = await busyFor(WATCHED)
    assert.ok(busy < WATCHED / 4, `${busy} ms of work in ${WATCHED} ms`)
  })

  test('leaves time for other bodies that are decoded', async (t) => {
    const json = JSON.stringify({ list: Array(50_000).fill('some text') })
    const packedJson = gzipSync(json)
    const body = bomb({ inner: 'gzip', outer: 'br' })
    const origin = await startOrigin(t, ({ path }) =>
      path === '/json'
        ? { headers: { 'Content-Encoding': 'gzip' }, body: packedJson }
        : { headers: { 'Content-Encoding': 'gzip, br' }, body },
    )
    const requests = Array.from({ length: 8 }, () =>
      rejection(httpRequest(origin.url, { timeout: 8 * TIME })),
    )
    const other = async () => {
      const response = await httpRequest(`${origin.url}/json`)
      assert.equal(response.body.length, json.length)
    }
    const { count, settled } = await meanwhile(Promise.all(requests), other)
    for (const error of await settled) assert.equal(error.code, 'ERR_TIMEOUT')
    assert.ok(count > 2, `${count} others were decoded`)
  })
})

describe('a bomb of zeros', () => {
  for (const coding of Object.keys(packed)) {
    test(`in ${coding} delays no other call, and ends in time`, async (t) => {
      const body = packed[coding](Buffer.alloc(0), Buffer.alloc(1))
      const origin = await startOriginOf(t, coding, body)
      await plain(origin)()
      const request = httpRequest(origin.url, { timeout: TIME, maxResponseSize: 128 * MB })
      const { error } = await assertUndisturbed(request, plain(origin))
      assert.ok(['ERR_TIMEOUT', 'ERR_BODY_TOO_LARGE'].includes(error.code), error.code)
    })
  }
})

describe('decodeBody and readIncomingResponse', () => {
  const encoding = 'gzip, br'
  const body = bomb({ inner: 'gzip', outer: 'br' })

  async function incoming(t) {
    const origin = await startOriginOf(t, encoding, body)
    const [message] = await once(get(origin.url, { agent: false }), 'response')
    return message
  }

  for (const [name, start] of [
    ['decodeBody', async () => (options) => decodeBody(body, encoding, options)],
    [
      'readIncomingResponse',
      async (t) => {
        const message = await incoming(t)
        return (options) => readIncomingResponse(message, options)
      },
    ],
  ]) {
    test(`${name} leaves the event loop and the network to others, and ends by its signal`, async (t) => {
      const call = await start(t)
      const origin = await startOrigin(t, { body: 'here' })
      const decoding = call({ signal: AbortSignal.timeout(TIME) })
      const { error, took } = await assertUndisturbed(decoding, plain(origin))
      assert.equal(error.name, 'AbortError')
      assert.equal(error.cause.name, 'TimeoutError')
      assert.ok(took < TIME + DELAY_MAX, `it took ${took} ms`)
      await sleep(100)
      const busy = await busyFor(WATCHED)
      assert.ok(busy < WATCHED / 4, `${busy} ms of work in ${WATCHED} ms`)
    })

    test(`${name} has a limit, for bytes between two codings as well`, async (t) => {
      const call = await start(t)
      const error = await rejection(call({ maxResponseSize: MB }))
      assert.equal(error.code, 'ERR_BODY_TOO_LARGE')
      assert.match(error.message, /^Response exceeds maximum size limit \(\d+\.\d\dMB > 1\.00MB\)$/)
    })
  }

  test('have a limit of 512 MB by themselves, and none with 0', async () => {
    const half = zstdRepeat(Buffer.alloc(16), 256 * MB)
    const error = await rejection(decodeBody(Buffer.concat([half, half, half]), 'zstd'))
    assert.equal(error.code, 'ERR_BODY_TOO_LARGE')
    assert.match(error.message, /> 512\.00MB\)$/)
    const options = { maxResponseSize: 0 }
    const decoded = await decodeBody(Buffer.concat([half, half, half]), 'zstd', options)
    assert.ok(decoded.length >= 768 * MB)
  })
})
