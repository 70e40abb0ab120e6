// Interrupted downloads go on where they stopped. Whatever the server sends then, the file is one
// version of it: never the beginning of one and the end of another.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { redirectTo, startOrigin } from '../helpers/origins/http-origin.mjs'
import {
  brokenOff,
  honest,
  OLD_DATE,
  rangeStart,
  representation,
  slice,
  whole,
} from '../helpers/origins/resume-origin.mjs'
import { startJob } from '../helpers/processes/job-process.mjs'
import { rejection, temporaryDirectory, until } from '../helpers/support.mjs'

const SIZE = 200_000
const HALF = 100_000
const ETAG = { ETag: '"v1"' }

/** The two ways in which a second attempt follows a first that was interrupted. */
const ways = {
  'in the next attempt': (url, destination, options) =>
    httpDownload(url, destination, { retries: 1, retryDelay: 1, ...options }),
  'in the next call': async (url, destination, options) => {
    await rejection(httpDownload(url, destination, options))
    assert.ok(!existsSync(destination), 'a failed call left a destination')
    return httpDownload(url, destination, options)
  },
}

function place(t) {
  const directory = temporaryDirectory(t)
  return { directory, destination: join(directory, 'file') }
}

/** The published file is these bytes and nothing lies beside it. */
function assertPublished({ directory, destination }, body, result) {
  assert.ok(readFileSync(destination).equals(body), 'other bytes were published')
  assert.equal(result.size, body.length)
  assert.deepEqual(readdirSync(directory), ['file'])
}

for (const [when, download] of Object.entries(ways)) {
  describe(`an interrupted download is resumed ${when}`, () => {
    for (const [what, validators, condition] of [
      ['a strong ETag', ETAG, '"v1"'],
      ['a Last-Modified of long ago', { 'Last-Modified': OLD_DATE }, OLD_DATE],
      ['a strong ETag beside a Last-Modified', { ...ETAG, 'Last-Modified': OLD_DATE }, '"v1"'],
    ]) {
      test(`with ${what}`, async (t) => {
        const file = representation(SIZE, validators)
        const origin = await startOrigin(t, [brokenOff(file, HALF), honest(file)])
        const at = place(t)
        const result = await download(origin.url, at.destination)
        assertPublished(at, file.body, result)
        assert.equal(origin.requests.length, 2)
        const [first, second] = origin.requests
        assert.equal(first.headers.range, undefined)
        assert.equal(first.headers['if-range'], undefined)
        assert.equal(second.headers.range, `bytes=${HALF}-`)
        assert.equal(second.headers['if-range'], condition)
        assert.equal(result.resumedFrom, HALF)
        assert.equal(result.status, 206)
      })
    }

    test('when it stops after its first byte, and before its last', async (t) => {
      for (const count of [1, SIZE - 1]) {
        const file = representation(SIZE, ETAG)
        const origin = await startOrigin(t, [brokenOff(file, count), honest(file)])
        const at = place(t)
        const result = await download(origin.url, at.destination)
        assertPublished(at, file.body, result)
        assert.equal(result.resumedFrom, count)
      }
    })

    test('from the beginning when it stopped before the first byte', async (t) => {
      const file = representation(SIZE, ETAG)
      const origin = await startOrigin(t, [brokenOff(file, 0), honest(file)])
      const at = place(t)
      const result = await download(origin.url, at.destination)
      assertPublished(at, file.body, result)
      assert.equal(result.resumedFrom, 0)
    })

    test('when every byte had come but not the end of the last chunk', async (t) => {
      const file = representation(SIZE, ETAG)
      const chunked = { 'Transfer-Encoding': 'chunked' }
      const origin = await startOrigin(t, [brokenOff(file, SIZE, chunked), honest(file)])
      const at = place(t)
      assertPublished(at, file.body, await download(origin.url, at.destination))
    })

    test('and the progress continues, and never goes back', async (t) => {
      const file = representation(SIZE, ETAG)
      const origin = await startOrigin(t, [brokenOff(file, HALF), honest(file)])
      const calls = []
      const onProgress = (...call) => calls.push(call)
      await download(origin.url, place(t).destination, { onProgress })
      assert.deepEqual(calls.at(-1), [SIZE, SIZE])
      for (const [index, [downloaded]] of calls.entries()) {
        assert.ok(index === 0 || downloaded >= calls[index - 1][0], `progress: ${calls}`)
      }
    })

    test('when the response to the range request is truncated as well', async (t) => {
      const file = representation(SIZE, ETAG)
      const breakAgain = (request, response) => {
        const from = rangeStart(request)
        const { headers } = slice(file, from)
        response.writeHead(206, { ...headers, 'Content-Length': SIZE - from })
        response.write(file.body.subarray(from, from + 1000), () => response.socket.destroySoon())
      }
      const script = [brokenOff(file, HALF), breakAgain, honest(file)]
      const origin = await startOrigin(t, script)
      const at = place(t)
      const options = { retries: 2, retryDelay: 1 }
      const result =
        when === 'in the next call'
          ? await rejection(download(origin.url, at.destination)).then(() =>
              httpDownload(origin.url, at.destination),
            )
          : await download(origin.url, at.destination, options)
      assertPublished(at, file.body, result)
      assert.equal(result.resumedFrom, HALF + 1000)
    })
  })
}

describe('a download whose process was killed is resumed by the next process', () => {
  test('once', async (t) => {
    const file = representation(SIZE, ETAG)
    const at = place(t)
    const origin = await startOrigin(t, [halfThenSilence(file, HALF), honest(file)])
    const child = startJob(t, 'download-job', { url: origin.url, destPath: at.destination })
    await until(() => bytesIn(at.directory) >= HALF, 'half of the file is on disk', 15_000)
    child.kill('SIGKILL')
    await child.exit
    assert.ok(!existsSync(at.destination), 'a killed process left a destination')

    const result = await httpDownload(origin.url, at.destination)
    assertPublished(at, file.body, result)
    assert.equal(result.resumedFrom, HALF)
    assert.equal(origin.requests[1].headers.range, `bytes=${HALF}-`)
    assert.equal(origin.requests[1].headers['if-range'], '"v1"')
  })

  test('three times over, and fetches nothing twice', async (t) => {
    const file = representation(SIZE, ETAG)
    const at = place(t)
    const stops = [50_000, 100_000, 150_000]
    const origin = await startOrigin(t, [
      ...stops.map((stop) => halfThenSilence(file, stop)),
      honest(file),
    ])
    for (const stop of stops) {
      const child = startJob(t, 'download-job', { url: origin.url, destPath: at.destination })
      await until(() => bytesIn(at.directory) >= stop, `${stop} bytes are on disk`, 15_000)
      child.kill('SIGKILL')
      await child.exit
      assert.ok(!existsSync(at.destination))
    }
    const last = startJob(t, 'download-job', { url: origin.url, destPath: at.destination })
    const result = await last.event('done')
    assertPublished(at, file.body, result)
    assert.deepEqual(origin.requests.map(rangeStart), [undefined, ...stops])
    assert.equal(result.resumedFrom, stops.at(-1))
  })

  test('and starts anew when the file has changed meanwhile', async (t) => {
    const old = representation(SIZE, ETAG)
    const changed = representation(SIZE, { ETag: '"v2"' })
    const at = place(t)
    const origin = await startOrigin(t, [halfThenSilence(old, HALF), honest(changed)])
    const child = startJob(t, 'download-job', { url: origin.url, destPath: at.destination })
    await until(() => bytesIn(at.directory) >= HALF, 'half of the file is on disk', 15_000)
    child.kill('SIGKILL')
    await child.exit
    const result = await httpDownload(origin.url, at.destination)
    assertPublished(at, changed.body, result)
    assert.equal(result.resumedFrom, 0)
  })

  /** Sends up to a byte, from where it is asked to begin, and then nothing more. */
  function halfThenSilence(file, stop) {
    return (request, response) => {
      const from = rangeStart(request)
      const head = from === undefined ? whole(file) : slice(file, from)
      const length = SIZE - (from ?? 0)
      response.writeHead(head.status ?? 200, { ...head.headers, 'Content-Length': length })
      response.write(file.body.subarray(from ?? 0, stop))
    }
  }

  /** The size of the largest file in a directory. */
  function bytesIn(directory) {
    const sizes = readdirSync(directory).map(
      (name) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0,
    )
    return Math.max(0, ...sizes)
  }
})

describe('whatever the response to the request for the rest, the file is one version', () => {
  const old = representation(SIZE, ETAG)
  const sameLength = representation(SIZE, { ETag: '"v2"' })
  const shorter = representation(HALF - 1000, { ETag: '"v3"' })
  const boundary = 'simple-boundary'
  const part = `--${boundary}\r\nContent-Range: bytes ${HALF}-${SIZE - 1}/${SIZE}\r\n\r\n`
  const multipart = Buffer.concat([
    Buffer.from(part),
    old.body.subarray(HALF),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ])
  const multipartType = `multipart/byteranges; boundary=${boundary}`
  const without = (name) => ({ headers: { [name]: undefined } })
  const ranged = (value) => ({ headers: { 'Content-Range': value } })

  // Responses to a request with Range, and the version that the server has then.
  const responses = [
    ['a 206 that overlaps', slice(old, HALF - 10)],
    ['a 206 that leaves a gap', slice(old, HALF + 10)],
    ['a 206 from the beginning', slice(old, 0)],
    ['a 206 with another total', slice(old, HALF, ranged(`bytes ${HALF}-${SIZE - 1}/${SIZE + 1}`))],
    ['a 206 with a smaller total', slice(old, HALF, ranged(`bytes ${HALF}-${SIZE - 1}/${HALF}`))],
    ['a 206 without Content-Range', slice(old, HALF, without('Content-Range'))],
    ['a 206 whose Content-Range is no range', slice(old, HALF, ranged('bytes of some kind'))],
    ['a 206 in another unit', slice(old, HALF, ranged(`lines ${HALF}-${SIZE - 1}/${SIZE}`))],
    [
      'a 206 whose end is before its beginning',
      slice(old, HALF, ranged(`bytes ${HALF}-1/${SIZE}`)),
    ],
    [
      'a 206 with numbers beyond all sizes',
      slice(old, HALF, ranged(`bytes ${HALF}-99999999999999999999999/99999999999999999999999`)),
    ],
    [
      'a 206 that says less than it sends',
      slice(old, HALF, { ...ranged(`bytes ${HALF}-${SIZE - 1}/${SIZE}`), body: old.body }),
    ],
    [
      'a 206 that says more than it sends',
      slice(old, HALF, { body: old.body.subarray(HALF, SIZE - 10) }),
    ],
    [
      'a 206 with two fields Content-Range',
      slice(
        old,
        HALF,
        ranged([`bytes 0-${HALF - 1}/${SIZE}`, `bytes ${HALF}-${SIZE - 1}/${SIZE}`]),
      ),
    ],
    ['a 206 of another ETag', slice(sameLength, HALF), sameLength],
    ['a 206 with only a weak ETag', slice(old, HALF, { headers: { ETag: 'W/"v1"' } })],
    ['a 200 of the same version', whole(old)],
    ['a 200 of another version', whole(sameLength), sameLength],
    ['a 200 of a version shorter than what is there', whole(shorter), shorter],
    ['a 200 that is empty', whole(representation(0, {})), representation(0, {})],
    ['a 200 with a slice and Content-Range', { ...slice(old, HALF), status: 200 }],
    ['a 416', { status: 416 }],
    [
      'a 416 with the right total',
      { status: 416, headers: { 'Content-Range': `bytes */${SIZE}` } },
    ],
    [
      'a 416 of a shorter version',
      { status: 416, headers: { 'Content-Range': 'bytes */99000' } },
      shorter,
    ],
    [
      'multipart/byteranges',
      { status: 206, headers: { ...ETAG, 'Content-Type': multipartType }, body: multipart },
    ],
    [
      'multipart/byteranges with a Content-Range that fits',
      slice(old, HALF, { headers: { 'Content-Type': multipartType }, body: multipart }),
    ],
    [
      'multipart/byteranges with a Content-Range and a length that fit',
      slice(old, HALF, {
        headers: { 'Content-Type': multipartType },
        body: multipart.subarray(0, HALF),
      }),
    ],
  ]

  for (const [when, download] of Object.entries(ways)) {
    for (const [what, scripted, current = old] of responses) {
      test(`${what}, ${when}`, async (t) => {
        const toOthers = whole(current)
        const origin = await startOrigin(t, (request, response, index) => {
          if (index === 0) return brokenOff(old, HALF)(request, response)
          return rangeStart(request) === undefined ? toOthers : scripted
        })
        const at = place(t)
        const result = await download(origin.url, at.destination)
        assertPublished(at, current.body, result)
        assert.equal(origin.requests[1].headers.range, `bytes=${HALF}-`, 'nothing was resumed')
        assert.equal(result.resumedFrom, 0, `it went on from ${result.resumedFrom}`)
      })
    }
  }

  test('a 206 without a total is used or not, and the file is whole', async (t) => {
    const partial = slice(old, HALF, ranged(`bytes ${HALF}-${SIZE - 1}/*`))
    const origin = await startOrigin(t, (request, response, index) => {
      if (index === 0) return brokenOff(old, HALF)(request, response)
      return rangeStart(request) === undefined ? whole(old) : partial
    })
    const at = place(t)
    const result = await ways['in the next call'](origin.url, at.destination)
    assertPublished(at, old.body, result)
  })

  for (const [what, scripted] of [
    ['a slice under 206', slice(old, HALF)],
    ['a slice under 200', { ...slice(old, HALF), status: 200 }],
    ['multipart/byteranges', responses.find(([name]) => name === 'multipart/byteranges')[1]],
    ['a 206 without Content-Range', slice(old, HALF, without('Content-Range'))],
    ['a 416', { status: 416 }],
  ]) {
    test(`${what} to every request rejects`, async (t) => {
      const origin = await startOrigin(t, scripted)
      const at = place(t)
      const options = { retries: 1, retryDelay: 1 }
      const error = await rejection(httpDownload(origin.url, at.destination, options))
      assert.ok(error instanceof Error)
      assert.equal(typeof error.code, 'string')
      assert.ok(!existsSync(at.destination), 'a slice was published')
      assert.ok(origin.requests.length <= 4, `${origin.requests.length} requests`)
    })
  }

  test('a 206 of the whole file without a Range is taken whole or not at all', async (t) => {
    const origin = await startOrigin(t, slice(old, 0))
    const at = place(t)
    const result = await httpDownload(origin.url, at.destination).catch(() => undefined)
    if (result) assertPublished(at, old.body, result)
    else assert.ok(!existsSync(at.destination))
  })
})

describe('nothing is resumed', () => {
  const now = () => new Date().toUTCString()
  const unproven = [
    ['a weak ETag', () => ({ ETag: 'W/"v1"' })],
    ['a weak ETag beside a Last-Modified', () => ({ ETag: 'W/"v1"', 'Last-Modified': OLD_DATE })],
    ['no validator', () => ({})],
    ['a Last-Modified of the same second', () => ({ 'Last-Modified': now(), Date: now() })],
    ['a Last-Modified that is no date', () => ({ 'Last-Modified': 'yesterday' })],
    ['an ETag that is none', () => ({ ETag: 'v1' })],
  ]

  for (const [when, download] of Object.entries(ways)) {
    for (const [what, validators] of unproven) {
      test(`when there is ${what}, ${when}`, async (t) => {
        const same = validators()
        const old = representation(SIZE, same)
        const changed = representation(SIZE, same)
        const origin = await startOrigin(t, (request, response, index) => {
          if (index === 0) return brokenOff(old, HALF)(request, response)
          return honest(changed)(request)
        })
        const at = place(t)
        const result = await download(origin.url, at.destination)
        assertPublished(at, changed.body, result)
        assert.equal(origin.requests[1].headers.range, undefined)
        assert.equal(result.resumedFrom, 0)
      })
    }

    test(`with resume: false, ${when}`, async (t) => {
      const file = representation(SIZE, ETAG)
      const origin = await startOrigin(t, [brokenOff(file, HALF), honest(file)])
      const at = place(t)
      const result = await download(origin.url, at.destination, { resume: false })
      assertPublished(at, file.body, result)
      assert.equal(origin.requests.length, 2)
      for (const { headers } of origin.requests) {
        assert.equal(headers.range, undefined)
        assert.equal(headers['if-range'], undefined)
      }
    })
  }

  test('by a call with resume: false after one without', async (t) => {
    const file = representation(SIZE, ETAG)
    const origin = await startOrigin(t, [brokenOff(file, HALF), honest(file)])
    const at = place(t)
    await rejection(httpDownload(origin.url, at.destination))
    const result = await httpDownload(origin.url, at.destination, { resume: false })
    assertPublished(at, file.body, result)
    assert.equal(origin.requests[1].headers.range, undefined)
  })

  for (const [what, first, second] of [
    ['another path', ['/a'], ['/b']],
    ['another query', ['/a?v=1'], ['/a?v=2']],
    ['another Authorization', ['/a', { Authorization: 'one' }], ['/a', { Authorization: 'two' }]],
    ['an Authorization after none', ['/a'], ['/a', { Authorization: 'two' }]],
    ['no Authorization after one', ['/a', { authorization: 'one' }], ['/a']],
    ['another cookie', ['/a', { Cookie: 'user=1' }], ['/a', { Cookie: 'user=2' }]],
  ]) {
    test(`of the part of another request: ${what}`, async (t) => {
      // Both have the same ETag and length, so that only the request tells them apart.
      const old = representation(SIZE, ETAG)
      const other = representation(SIZE, ETAG)
      const origin = await startOrigin(t, [brokenOff(old, HALF), honest(other)])
      const at = place(t)
      const call = ([path, headers = {}]) =>
        httpDownload(origin.url + path, at.destination, { headers })
      await rejection(call(first))
      const result = await call(second)
      assertPublished(at, other.body, result)
      assert.equal(origin.requests[1].headers.range, undefined)
      assert.equal(result.resumedFrom, 0)
    })
  }

  test('of the part of another server', async (t) => {
    const old = representation(SIZE, ETAG)
    const other = representation(SIZE, ETAG)
    const origins = [
      await startOrigin(t, brokenOff(old, HALF)),
      await startOrigin(t, honest(other)),
    ]
    const at = place(t)
    await rejection(httpDownload(origins[0].url, at.destination))
    assertPublished(at, other.body, await httpDownload(origins[1].url, at.destination))
    assert.equal(origins[1].requests[0].headers.range, undefined)
  })

  test('of one destination for another', async (t) => {
    const file = representation(SIZE, ETAG)
    const origin = await startOrigin(t, [brokenOff(file, HALF), honest(file)])
    const at = place(t)
    await rejection(httpDownload(origin.url, join(at.directory, 'other')))
    await httpDownload(origin.url, at.destination)
    assert.equal(origin.requests[1].headers.range, undefined)
    assert.ok(readFileSync(at.destination).equals(file.body))
  })
})

describe('a redirect between the parts', () => {
  test('to another server with another version starts from zero', async (t) => {
    const old = representation(SIZE, ETAG)
    const other = representation(SIZE, { ETag: '"v2"' })
    const target = await startOrigin(t, honest(other))
    const origin = await startOrigin(t, [brokenOff(old, HALF), redirectTo(`${target.url}/file`)])
    const at = place(t)
    const result = await ways['in the next call'](origin.url, at.destination)
    assertPublished(at, other.body, result)
    assert.equal(result.resumedFrom, 0)
  })
})

describe('a status that fails between the parts', () => {
  for (const status of [500, 503, 404]) {
    test(`does no harm: ${status}`, async (t) => {
      const file = representation(SIZE, ETAG)
      const origin = await startOrigin(t, [
        brokenOff(file, HALF),
        { status, body: 'no part of the file' },
        honest(file),
      ])
      const at = place(t)
      await rejection(httpDownload(origin.url, at.destination))
      await rejection(httpDownload(origin.url, at.destination))
      assert.ok(!existsSync(at.destination))
      assertPublished(at, file.body, await httpDownload(origin.url, at.destination))
    })
  }
})
