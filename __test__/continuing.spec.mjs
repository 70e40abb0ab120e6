// An interrupted transfer goes on only if the server proves that the file is the same. The
// published bytes are always those of one representation.
//
// Reproduce the random cases with RESUME_SEED=<seed>; LONG_TESTS=1 makes them thousands.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { temporaryDirectory } from './support.mjs'

const OLD = 'Wed, 21 Oct 2015 07:28:00 GMT'
const bytes = (length, seed) => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + seed) % 251))

/** A server whose every answer is made by `answer(request, response, count)`. */
async function serve(t, answer) {
  const requests = []
  const server = createServer((request, response) => {
    requests.push(request.headers)
    answer(request, response, requests.length)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { requests, url: `http://127.0.0.1:${server.address().port}/file` }
}

/** Sends the head and the first half, then breaks off. */
function breakOff(response, body, headers) {
  response.writeHead(200, { 'Content-Length': body.length, ...headers })
  response.write(body.subarray(0, body.length / 2), () => setTimeout(() => response.destroy(), 20))
}

const first = bytes(4000, 1)
const second = bytes(4000, 99)
const half = first.length / 2
const etag = { ETag: '"v1"' }
const range = (from, to, total) => ({ 'Content-Range': `bytes ${from}-${to}/${total}` })
const rest = (response, headers, body = first.subarray(half)) =>
  response.writeHead(206, { 'Content-Length': body.length, ...headers }).end(body)

/** What the server answers to a request for the rest, whether that is asked at all, and what comes of it. */
const matrix = [
  ['the right 206', etag, (r) => rest(r, { ...etag, ...range(half, 3999, 4000) }), first, half],
  ['the right 206 without an ETag', etag, (r) => rest(r, range(half, 3999, 4000)), first, half],
  [
    'the right 206 under Last-Modified',
    { 'Last-Modified': OLD },
    (r) => rest(r, { 'Last-Modified': OLD, ...range(half, 3999, 4000) }),
    first,
    half,
  ],
  [
    'an overlapping 206',
    etag,
    (r) => rest(r, range(half - 10, 3999, 4000), first.subarray(half - 10)),
    second,
  ],
  [
    'a 206 from further on',
    etag,
    (r) => rest(r, range(half + 10, 3999, 4000), first.subarray(half + 10)),
    second,
  ],
  [
    'a 206 with another total',
    etag,
    (r) => rest(r, range(half, 4999, 5000), bytes(3000, 5)),
    second,
  ],
  ['a 206 without Content-Range', etag, (r) => rest(r, etag), second],
  [
    'a 206 with another ETag',
    etag,
    (r) => rest(r, { ETag: '"v2"', ...range(half, 3999, 4000) }),
    second,
  ],
  [
    'a 206 with a weak ETag',
    etag,
    (r) => rest(r, { ETag: 'W/"v1"', ...range(half, 3999, 4000) }),
    second,
  ],
  [
    'multipart/byteranges',
    etag,
    (r) => rest(r, { 'Content-Type': 'multipart/byteranges; boundary=x' }, Buffer.from('--x')),
    second,
  ],
  [
    'a 200 with another file',
    etag,
    (r) => r.writeHead(200, { 'Content-Length': 4000 }).end(second),
    second,
  ],
  [
    'a 200 that carries a slice',
    etag,
    (r) =>
      r
        .writeHead(200, { ...range(half, 3999, 4000), 'Content-Length': half })
        .end(first.subarray(half)),
    second,
  ],
  ['416', etag, (r) => r.writeHead(416).end(), second],
  [
    '416 with the right total',
    etag,
    (r) => r.writeHead(416, { 'Content-Range': 'bytes */4000' }).end(),
    second,
  ],
]

describe('after a transfer broke off', () => {
  for (const [name, head, answer, expected, from = 0] of matrix) {
    for (const way of ['within retries', 'in a later call']) {
      test(`${name}, ${way}`, async (t) => {
        const { requests, url } = await serve(t, (request, response, count) => {
          if (count === 1) breakOff(response, first, head)
          else if (request.headers.range) answer(response)
          else response.writeHead(200, { 'Content-Length': second.length }).end(second)
        })
        const directory = temporaryDirectory(t)
        const file = join(directory, 'file')
        if (way === 'in a later call') {
          await assert.rejects(httpDownload(url, file), { code: 'ERR_BODY_LENGTH' })
          assert.ok(!existsSync(file))
        }
        const result = await httpDownload(url, file, { retries: 1, retryDelay: 1 })
        assert.equal(requests[1].range, `bytes=${half}-`)
        assert.equal(requests[1]['if-range'], head.ETag ?? head['Last-Modified'])
        assert.deepEqual(readFileSync(file), expected)
        assert.equal(result.resumedFrom, from)
        assert.deepEqual(readdirSync(directory), ['file'])
      })
    }
  }

  for (const [name, head] of [
    ['a weak ETag', { ETag: 'W/"v1"' }],
    ['a weak ETag beside an old date', { ETag: 'W/"v1"', 'Last-Modified': OLD }],
    ['a date of the same second', { 'Last-Modified': OLD, Date: OLD }],
    ['no validator', {}],
  ]) {
    test(`${name} is not continued, and nothing is left`, async (t) => {
      const { requests, url } = await serve(t, (_, response, count) => {
        if (count === 1) breakOff(response, first, head)
        else response.writeHead(200, { 'Content-Length': second.length }).end(second)
      })
      const directory = temporaryDirectory(t)
      const file = join(directory, 'file')
      await assert.rejects(httpDownload(url, file))
      assert.deepEqual(readdirSync(directory), [])
      await httpDownload(url, file)
      assert.equal(requests[1].range, undefined)
      assert.deepEqual(readFileSync(file), second)
    })
  }

  for (const [name, change] of [
    ['resume: false', { options: { resume: false } }],
    ['another URL', { query: '?other' }],
    ['another credential', { options: { headers: { authorization: 'Bearer other' } } }],
  ]) {
    test(`${name} starts from zero`, async (t) => {
      const { requests, url } = await serve(t, (_, response, count) => {
        if (count === 1) breakOff(response, first, etag)
        else response.writeHead(200, { 'Content-Length': second.length, ...etag }).end(second)
      })
      const file = join(temporaryDirectory(t), 'file')
      await assert.rejects(httpDownload(url, file))
      await httpDownload(url + (change.query ?? ''), file, change.options)
      assert.equal(requests[1].range, undefined)
      assert.deepEqual(readFileSync(file), second)
    })
  }

  test('a 206 that nobody asked for is refused', async (t) => {
    const { url } = await serve(t, (_, response) => rest(response, range(0, half - 1, 4000)))
    const file = join(temporaryDirectory(t), 'file')
    await assert.rejects(httpDownload(url, file), { status: 206 })
    assert.ok(!existsSync(file))
  })

  test('digests cover what was there before, too', async (t) => {
    const { url } = await serve(t, (_, response, count) => {
      if (count === 1) breakOff(response, first, etag)
      else rest(response, { ...etag, ...range(half, 3999, 4000) })
    })
    const options = { retries: 1, retryDelay: 1, digests: true }
    const result = await httpDownload(url, join(temporaryDirectory(t), 'file'), options)
    const { createHash } = await import('node:crypto')
    assert.equal(result.resumedFrom, half)
    assert.equal(result.sha256, createHash('sha256').update(first).digest('hex'))
    assert.equal(result.integrity, `sha512-${createHash('sha512').update(first).digest('base64')}`)
  })
})

const CASES = process.env.LONG_TESTS ? 5000 : 400
const seed = Number(process.env.RESUME_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** mulberry32: small, and the same everywhere. */
function randomFrom(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test(`${CASES} random servers never give a mixture (RESUME_SEED=${seed})`, async (t) => {
  let random
  let versions
  const { url } = await serve(t, (request, response) => {
    const pick = (list) => list[Math.floor(random() * list.length)]
    const version = Math.floor(random() * versions.length)
    const body = versions[version]
    const head = pick([
      { ETag: `"${version}"` },
      { ETag: `"${version}"` },
      { ETag: `W/"${version}"` },
      { 'Last-Modified': new Date(1e12 + version * 1e6).toUTCString() },
      {},
    ])
    if (random() < 0.1) return response.writeHead(pick([416, 500, 503])).end('no')
    const asked = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? -1)
    const fresh = [head.ETag, head['Last-Modified']].includes(request.headers['if-range'])
    const honest = asked >= 0 && asked < body.length && fresh
    // A liar sends the rest of whatever it has, but says so: validators or ranges give it away.
    const lies = asked >= 0 && !honest && random() < 0.3 && (head.ETag ?? '').startsWith('"')
    const from = honest ? asked : lies ? Math.min(asked + pick([-1, 1]), body.length - 1) : 0
    const slice = body.subarray(Math.max(from, 0))
    const partial = honest || lies
    response.writeHead(partial ? 206 : 200, {
      'Content-Length': slice.length,
      ...head,
      ...(partial && range(Math.max(from, 0), body.length - 1, body.length)),
    })
    if (random() < 0.5) return response.end(slice)
    const cut = Math.floor(random() * slice.length)
    if (cut === 0) return response.destroy()
    response.write(slice.subarray(0, cut), () => setTimeout(() => response.destroy(), 1))
  })
  const directory = temporaryDirectory(t)
  let resumed = 0
  for (let number = 0; number < CASES; number += 1) {
    const where = `RESUME_SEED=${seed}, case ${number}`
    random = randomFrom(seed + number)
    const length = 2 + Math.floor(random() * 3000)
    versions = [0, 1, 2]
      .slice(Math.floor(random() * 3))
      .map((version) => bytes(length, version * 83 + 1))
    const file = join(directory, `file-${number}`)
    for (let call = 0; ; call += 1) {
      assert.ok(call < 500, `never done: ${where}`)
      const options = { retries: Math.floor(random() * 3), retryDelay: 0 }
      const result = await httpDownload(url, file, options).catch(() => undefined)
      if (!result) {
        assert.ok(!existsSync(file), where)
        continue
      }
      resumed += result.resumedFrom > 0 ? 1 : 0
      const published = readFileSync(file)
      assert.ok(
        versions.some((version) => version.equals(published)),
        `a mixture: ${where}`,
      )
      break
    }
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.startsWith(`file-${number}.`)),
      [],
      where,
    )
  }
  assert.ok(resumed > CASES / 20, `only ${resumed} were continued: this proves little`)
})
