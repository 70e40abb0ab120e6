// Several sources of one file: their order, the failures after which the next one is tried, and
// that the file is always one representation, whole, whatever the sources before do.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { failures, startFailing } from '../helpers/origins/failing-source.mjs'
import { redirectTo, silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import {
  brokenOff,
  honest,
  rangeStart,
  representation,
  slice,
  whole,
} from '../helpers/origins/resume-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const SIZE = 100_000
const HALF = 50_000
const QUICK = { retryDelay: 1 }
/**
 * A short idle timeout for sources that stall: the next one must keep it, on a busy machine, too.
 */
const quick = ({ code }) => (code === 'ERR_TIMEOUT' ? { ...QUICK, idleTimeout: 2000 } : QUICK)

const sha256 = ({ body }) => createHash('sha256').update(body).digest('hex')
const file = (etag) => representation(SIZE, { ETag: `"${etag}"` })
const gone = (_request, response) => response.destroy()
const at = (origin) => `${origin.url}/file`

function place(t) {
  const directory = temporaryDirectory(t)
  return { directory, destination: join(directory, 'file') }
}

function assertPublished({ directory, destination }, { body }, result) {
  assert.ok(readFileSync(destination).equals(body), 'other bytes were published')
  assert.equal(result.size, body.length)
  assert.deepEqual(readdirSync(directory), ['file'])
}

describe('the next source is tried', { concurrency: 8 }, () => {
  for (const [how, failure] of Object.entries(failures)) {
    for (const hasDigest of failure.needsDigest ? [true] : [false, true]) {
      const under = hasDigest ? 'with a digest' : 'without a digest'
      test(`when the first ${how}, ${under}`, async (t) => {
        // Without a digest the mirror has other bytes, so that a mixture would be seen.
        const [ours, theirs] = [file('ours'), file('theirs')]
        const served = hasDigest ? { ...theirs, body: ours.body } : theirs
        const first = await startFailing(t, failure, ours)
        const mirror = await startOrigin(t, honest(served))
        const options = { ...quick(failure), mirrors: [at(mirror)], retries: 2 }
        if (hasDigest) options.sha256 = sha256(served)
        let retried = 0
        options.onRetry = () => {
          retried += 1
        }
        const to = place(t)
        const result = await httpDownload(first.url, to.destination, options)
        assertPublished(to, served, result)
        assert.equal(result.source, at(mirror))
        assert.equal(mirror.requests.length, 1)
        // A name may be unknown for now only.
        if (how !== 'has a name that does not exist') assert.equal(retried, failure.lasts ? 0 : 2)
        if (!first.isSilent) {
          const each = failure.requests ?? 1
          assert.equal(first.requests.length, each * (1 + retried))
        }
        assert.equal(result.attempts, 2 + retried)
        const continued = hasDigest && mirror.requests[0].headers.range !== undefined
        assert.equal(result.status, continued ? 206 : 200)
      })

      test(`when the first ${how}, ${under}, and a part of it is there`, async (t) => {
        const [ours, theirs] = [file('ours'), file('theirs')]
        const served = hasDigest ? { ...theirs, body: ours.body } : theirs
        const first = await startOrigin(t, [
          brokenOff(ours, HALF),
          failure.secure ? gone : (failure.script?.(ours) ?? gone),
        ])
        const mirror = await startOrigin(t, honest(served))
        const to = place(t)
        await rejection(httpDownload(at(first), to.destination))
        assert.ok(existsSync(`${to.destination}.part`), 'no part was left')
        const options = { ...quick(failure), mirrors: [at(mirror)] }
        if (hasDigest) options.sha256 = sha256(served)
        const result = await httpDownload(at(first), to.destination, options)
        assertPublished(to, served, result)
        assert.equal(result.source, at(mirror))
        if (!hasDigest) assert.equal(result.resumedFrom, 0)
        else if (!failure.replaces) assert.equal(result.resumedFrom, HALF)
      })
    }
  }
})

describe('a part of one source', () => {
  test('is resumed from the next under a digest, without a condition', async (t) => {
    const ours = file('ours')
    const first = await startOrigin(t, brokenOff(ours, HALF))
    const mirror = await startOrigin(t, honest({ ...ours, validators: { ETag: '"theirs"' } }))
    const to = place(t)
    const calls = []
    const result = await httpDownload(at(first), to.destination, {
      mirrors: [at(mirror)],
      sha256: sha256(ours),
      onProgress: (downloaded) => calls.push(downloaded),
    })
    assertPublished(to, ours, result)
    assert.equal(result.resumedFrom, HALF)
    const [{ headers }] = mirror.requests
    assert.equal(headers.range, `bytes=${HALF}-`)
    assert.equal(headers['if-range'], undefined)
    assert.deepEqual(
      calls,
      calls.toSorted((a, b) => a - b),
    )
    assert.equal(calls.at(-1), SIZE)
  })

  test('of other bytes is noticed, and the whole file is requested from the next source', async (t) => {
    const [ours, theirs] = [file('ours'), file('theirs')]
    const first = await startOrigin(t, brokenOff(ours, HALF))
    const mirror = await startOrigin(t, honest(theirs))
    const to = place(t)
    const options = { mirrors: [at(mirror)], sha256: sha256(theirs) }
    const result = await httpDownload(at(first), to.destination, options)
    assertPublished(to, theirs, result)
    assert.deepEqual(
      mirror.requests.map(({ headers }) => headers.range),
      [`bytes=${HALF}-`, undefined],
    )
    assert.equal(result.resumedFrom, 0)
  })

  test('is discarded if the totals differ', async (t) => {
    const ours = file('ours')
    const theirs = representation(SIZE + 1, { ETag: '"theirs"' })
    const first = await startOrigin(t, brokenOff(ours, HALF))
    const mirror = await startOrigin(t, honest(theirs))
    const to = place(t)
    const options = { mirrors: [at(mirror)], sha256: sha256(theirs) }
    const result = await httpDownload(at(first), to.destination, options)
    assertPublished(to, theirs, result)
    assert.equal(mirror.requests.at(-1).headers.range, undefined)
  })

  test('is resumed from two other sources, one after the other', async (t) => {
    const ours = file('ours')
    const cut = (origin, count) => async (request, response) => {
      const from = rangeStart(request)
      const { headers } = slice(ours, from)
      response.writeHead(206, { ...headers, ETag: origin, 'Content-Length': SIZE - from })
      response.write(ours.body.subarray(from, count), () => response.socket.destroySoon())
    }
    const first = await startOrigin(t, brokenOff(ours, 20_000))
    const second = await startOrigin(t, cut('"second"', 60_000))
    const third = await startOrigin(t, honest({ ...ours, validators: { ETag: '"third"' } }))
    const to = place(t)
    const options = { mirrors: [at(second), at(third)], sha256: sha256(ours) }
    const result = await httpDownload(at(first), to.destination, options)
    assertPublished(to, ours, result)
    assert.equal(result.source, at(third))
    assert.equal(result.resumedFrom, 60_000)
  })

  test('that is mixed is not resumed by a call without a digest', async (t) => {
    // The first half is of one, and the rest of another: only a digest would notice.
    const [ours, theirs] = [file('ours'), file('theirs')]
    const first = await startOrigin(t, [brokenOff(ours, 30_000), { status: 404 }])
    const breaking = (request, response) => {
      const from = rangeStart(request) ?? 0
      const { headers } = slice(theirs, from)
      response.writeHead(206, { ...headers, 'Content-Length': SIZE - from })
      response.write(theirs.body.subarray(from, 60_000), () => response.socket.destroySoon())
    }
    const mirror = await startOrigin(t, [breaking, honest(theirs)])
    const to = place(t)
    const options = { mirrors: [at(mirror)], sha256: sha256(theirs) }
    const error = await rejection(httpDownload(at(first), to.destination, options))
    assert.equal(error.code, 'ERR_ALL_SOURCES_FAILED')
    assert.ok(existsSync(`${to.destination}.part`), 'no mixed part was left')
    const result = await httpDownload(at(mirror), to.destination)
    assertPublished(to, theirs, result)
    assert.equal(mirror.requests.at(-1).headers.range, undefined)
  })

  test('is resumed by a later call with the same sources', async (t) => {
    const ours = file('ours')
    const first = await startOrigin(t, [brokenOff(ours, HALF), { status: 404 }])
    const mirror = await startOrigin(t, [
      { status: 404 },
      honest({ ...ours, validators: { ETag: '"theirs"' } }),
    ])
    const to = place(t)
    const options = { mirrors: [at(mirror)], sha256: sha256(ours) }
    await rejection(httpDownload(at(first), to.destination, options))
    const result = await httpDownload(at(first), to.destination, options)
    assertPublished(to, ours, result)
    assert.equal(result.resumedFrom, HALF)
  })

  test('of a source that the call does not name is not resumed', async (t) => {
    const ours = file('ours')
    const first = await startOrigin(t, brokenOff(ours, HALF))
    const second = await startOrigin(t, honest(ours))
    const to = place(t)
    await rejection(httpDownload(at(first), to.destination))
    const result = await httpDownload(at(second), to.destination, { sha256: sha256(ours) })
    assertPublished(to, ours, result)
    assert.equal(second.requests[0].headers.range, undefined)
  })

  test('is left if the next source sends nothing', async (t) => {
    const ours = file('ours')
    const first = await startOrigin(t, [brokenOff(ours, HALF), honest(ours)])
    const mirror = await startOrigin(t, { status: 404 })
    const to = place(t)
    await rejection(httpDownload(at(first), to.destination, { mirrors: [at(mirror)] }))
    const result = await httpDownload(at(first), to.destination, { mirrors: [at(mirror)] })
    assertPublished(to, ours, result)
    assert.equal(result.resumedFrom, HALF)
    assert.equal(result.source, at(first))
  })
})

test('false from onRetry gives up the source, and attempts are counted for each source', async (t) => {
  const ours = file('ours')
  const first = await startOrigin(t, { status: 503 })
  const second = await startOrigin(t, { status: 503 })
  const last = await startOrigin(t, honest(ours))
  const told = []
  const result = await httpDownload(at(first), place(t).destination, {
    ...QUICK,
    retries: 3,
    mirrors: [at(second), at(last)],
    onRetry: (attempt, error) => {
      told.push([attempt, error.url])
      return attempt < 2
    },
  })
  assert.deepEqual(told, [
    [1, at(first)],
    [2, at(first)],
    [1, at(second)],
    [2, at(second)],
  ])
  assert.equal(result.source, at(last))
  assert.deepEqual(
    second.requests.map(({ headers }) => headers['retry-attempt']),
    [undefined, '1'],
  )
})

describe('the next source is not tried', () => {
  test('when the first has the file', async (t) => {
    const ours = file('ours')
    const first = await startOrigin(t, honest(ours))
    const mirror = await startOrigin(t, honest(ours))
    const to = place(t)
    const result = await httpDownload(at(first), to.destination, { mirrors: [at(mirror)] })
    assertPublished(to, ours, result)
    assert.equal(result.source, at(first))
    assert.equal(mirror.requests.length, 0)
  })

  test('when the first recovers within its retries', async (t) => {
    const ours = file('ours')
    const first = await startOrigin(t, [{ status: 503 }, honest(ours)])
    const mirror = await startOrigin(t, honest(ours))
    const options = { ...QUICK, retries: 1, mirrors: [at(mirror)] }
    const result = await httpDownload(at(first), place(t).destination, options)
    assert.equal(result.source, at(first))
    assert.equal(mirror.requests.length, 0)
  })

  test('after a failure that is not one of the source', async (t) => {
    const ours = file('ours')
    const mirror = await startOrigin(t, honest(ours))
    const options = { ...QUICK, mirrors: [at(mirror)] }
    const fail = async (script, destination, more) => {
      const first = await startOrigin(t, script)
      return rejection(httpDownload(at(first), destination, { ...options, ...more }))
    }
    const { directory, destination } = place(t)
    writeFileSync(join(directory, 'plain'), '')
    const thrown = new Error('thrown')
    const raise = () => {
      throw thrown
    }
    assert.equal((await fail(honest(ours), join(directory, 'plain', 'file'))).code, 'ENOTDIR')
    assert.equal(await fail(honest(ours), destination, { onProgress: raise }), thrown)
    assert.equal(await fail({ status: 503 }, destination, { retries: 1, onRetry: raise }), thrown)
    const signal = AbortSignal.timeout(50)
    assert.equal((await fail(silence, destination, { signal, idleTimeout: 0 })).code, 'ABORT_ERR')
    assert.equal(mirror.requests.length, 0)
  })

  test('when the first is silent, with idleTimeout: 0', async (t) => {
    const ours = file('ours')
    const late = async () => {
      await new Promise((resolve) => setTimeout(resolve, 400))
      return whole(ours)
    }
    const first = await startOrigin(t, late)
    const mirror = await startOrigin(t, honest(ours))
    const options = { idleTimeout: 0, mirrors: [at(mirror)] }
    const result = await httpDownload(at(first), place(t).destination, options)
    assert.equal(result.source, at(first))
  })
})

test('the last source is retried after a truncated body', async (t) => {
  const ours = file('ours')
  const first = await startOrigin(t, { status: 404 })
  const last = await startOrigin(t, [brokenOff(ours, HALF), honest(ours)])
  const options = { ...QUICK, retries: 1, mirrors: [at(last)] }
  const to = place(t)
  const result = await httpDownload(at(first), to.destination, options)
  assertPublished(to, ours, result)
  assert.equal(result.resumedFrom, HALF)
})

describe('when all sources fail', () => {
  test('the error has the reason of each, in their order', async (t) => {
    const first = await startOrigin(t, { status: 404 })
    const second = await startOrigin(t, { status: 503 })
    const third = await startOrigin(t, silence)
    const mirrors = [at(second), new URL(at(third))]
    const { directory, destination } = place(t)
    const options = { ...QUICK, idleTimeout: 1500, retries: 1, mirrors }
    const error = await rejection(httpDownload(at(first), destination, options))
    const hosts = [first, second, third].map(({ port }) => `127.0.0.1:${port}`)
    assert.equal(
      error.message,
      `All 3 sources failed: ${hosts[0]}: HTTP 404 Not Found; ${hosts[1]}: HTTP 503 Service Unavailable; ` +
        `${hosts[2]}: No data received for 1500ms`,
    )
    assert.equal(error.code, 'ERR_ALL_SOURCES_FAILED')
    assert.equal(error.url, at(first))
    assert.equal(error.attempts, 1 + 2 + 2)
    assert.equal(error.retryable, true)
    assert.deepEqual(
      error.errors.map(({ code, status, url, attempts }) => [code, status, url, attempts]),
      [
        ['ERR_HTTP_STATUS', 404, at(first), 1],
        ['ERR_HTTP_STATUS', 503, at(second), 2],
        ['ERR_TIMEOUT', undefined, at(third), 2],
      ],
    )
    assert.ok(error.errors.every((each) => each instanceof Error))
    assert.equal(error.cause, error.errors[0])
    assert.deepEqual(Object.keys(error).includes('errors'), false)
    assert.deepEqual(readdirSync(directory), [])
  })

  test('a file that is at the destination stays', async (t) => {
    const [ours, theirs] = [file('ours'), file('theirs')]
    const first = await startOrigin(t, honest(ours))
    const mirror = await startOrigin(t, honest(theirs))
    const { directory, destination } = place(t)
    writeFileSync(destination, 'before')
    const options = { mirrors: [at(mirror)], sha256: sha256(file('none')) }
    const error = await rejection(httpDownload(at(first), destination, options))
    assert.deepEqual(
      error.errors.map(({ code }) => code),
      ['ERR_INTEGRITY', 'ERR_INTEGRITY'],
    )
    assert.match(error.errors[1].message, new RegExp(`failed for ${at(mirror)}: expected`))
    assert.equal(readFileSync(destination, 'utf8'), 'before')
    assert.deepEqual(readdirSync(directory), ['file'])
  })

  test('one source alone has its own error', async (t) => {
    const first = await startOrigin(t, { status: 404 })
    for (const mirrors of [undefined, [], [at(first)], [`${at(first)}#fragment`, at(first)]]) {
      const error = await rejection(httpDownload(at(first), place(t).destination, { mirrors }))
      assert.equal(error.code, 'ERR_HTTP_STATUS')
    }
    assert.equal(first.requests.length, 4, 'a URL was requested twice')
  })

  test('a hundred mirrors are each requested once', async (t) => {
    const gone = await startOrigin(t, { status: 404 })
    const mirrors = Array.from({ length: 100 }, (_, index) => `${gone.url}/${index}`)
    const error = await rejection(httpDownload(at(gone), place(t).destination, { mirrors }))
    assert.equal(error.errors.length, 101)
    assert.match(error.message, /^All 101 sources failed: .*; and 91 more$/)
    assert.equal(new Set(gone.requests.map(({ path }) => path)).size, 101)
  })
})

describe('the option', () => {
  const cases = [
    ['a string', 'http://a.test/', /"options\.mirrors" must be an array of strings and URLs/],
    ['a Set', new Set(), /"options\.mirrors" must be an array of strings and URLs/],
    ['null', null, /"options\.mirrors" must be an array of strings and URLs/],
    ['a number in it', ['http://a.test/', 7], /"options\.mirrors\[1\]" must be a string or a URL/],
    ['a hole in it', new Array(1), /"options\.mirrors\[0\]" must be a string or a URL/],
    ['an object in it', [{}], /"options\.mirrors\[0\]" must be a string or a URL/],
    ['no URL in it', ['http://a.test/', 'nonsense'], /"options\.mirrors\[1\]" .*Invalid URL/],
    [
      'another scheme in it',
      ['ftp://a.test/'],
      /"options\.mirrors\[0\]" .*"ftp:" is not supported/,
    ],
    ['a secret in it', ['http://user:hunter2@ho st/'], /"options\.mirrors\[0\]" (?!.*hunter2)/],
  ]
  for (const [what, mirrors, message] of cases) {
    test(`refuses ${what}`, async (t) => {
      const first = await startOrigin(t)
      const error = await rejection(httpDownload(at(first), place(t).destination, { mirrors }))
      assert.ok(error instanceof TypeError, String(error))
      assert.match(error.message, message)
      assert.equal(first.requests.length, 0)
    })
  }
})

test('a mirror may redirect, also to the origin of the URL', async (t) => {
  const ours = file('ours')
  const first = await startOrigin(t, [{ status: 404 }, honest(ours)])
  const mirror = await startOrigin(t, redirectTo(`${first.url}/elsewhere`))
  const to = place(t)
  const options = { mirrors: [at(mirror)], headers: { authorization: 'Bearer secret' } }
  const result = await httpDownload(at(first), to.destination, options)
  assertPublished(to, ours, result)
  assert.equal(result.source, at(mirror), 'the source is what the caller named')
  assert.equal(mirror.requests[0].headers.authorization, undefined)
  assert.equal(first.requests[1].headers.authorization, undefined, 'what was dropped stays dropped')
})

test('after 15 s of silence the next source is tried', {
  skip: !process.env.LONG_TESTS && 'takes 16 s: set LONG_TESTS=1',
}, async (t) => {
  const ours = file('ours')
  const first = await startOrigin(t, silence)
  const mirror = await startOrigin(t, honest(ours))
  const started = performance.now()
  const result = await httpDownload(at(first), place(t).destination, { mirrors: [at(mirror)] })
  assert.equal(result.source, at(mirror))
  const took = performance.now() - started
  assert.ok(took > 14_000 && took < 60_000, `${took} ms`)
})

test('the source of a result is redacted and not enumerable', async (t) => {
  const ours = file('ours')
  const first = await startOrigin(t, honest(ours))
  const { destination } = place(t)
  const url = `http://user:hunter2@127.0.0.1:${first.port}/file?token=hunter2&a=b`
  const result = await httpDownload(url, destination)
  assert.equal(result.source, `${first.url}/file?token=REDACTED&a=b`)
  assert.ok(!Object.keys(result).includes('source'))
})
