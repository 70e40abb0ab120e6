// Mirrors together with several connections: whichever ranges came from which source before, the
// file is one version of the source of the result, byte for byte, and under a digest the expected
// one.
//
// Reproduce with MIRRORS_SEED=<seed>; MIRRORS_CASES=<count> and LONG_TESTS=1 make it longer.

import assert from 'node:assert/strict'
import { createHash, randomFillSync } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { startRangeOrigin, version } from '../helpers/origins/range-origin.mjs'
import { dice as diceFrom } from '../helpers/seeded-random.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const MIB = 1 << 20
const SIZE = 6 * MIB
const CASES = Number(process.env.MIRRORS_CASES ?? (process.env.LONG_TESTS ? 1000 : 40))
const CALLS = 6
const seed = Number(process.env.MIRRORS_SEED ?? Math.floor(Math.random() * 2 ** 31))
const pool = randomFillSync(Buffer.alloc(16 * MIB))
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')

test('a part with holes is resumed from the next source where its first hole begins', async (t) => {
  const file = version(SIZE, '"ours"')
  // The first range breaks off, and so does each other one behind its beginning.
  const script = ({ range: { start, end } }, { body, validators }) => ({
    status: 206,
    headers: { ...validators, 'Content-Range': `bytes ${start}-${end - 1}/${body.length}` },
    body: body.subarray(start, end),
    cut: 300_000,
  })
  const first = await startRangeOrigin(t, file, { script })
  const theirs = { ...file, validators: { ETag: '"theirs"' } }
  const mirror = await startRangeOrigin(t, theirs)
  const directory = temporaryDirectory(t)
  const options = { connections: 4, mirrors: [mirror.url], sha256: hash(file.body) }
  const result = await httpDownload(first.url, join(directory, 'file'), options)
  assert.ok(readFileSync(result.path).equals(file.body))
  assert.equal(result.source, mirror.url)
  assert.ok(first.requests.length > 1, 'the first source had one connection only')
  const [{ headers, range }] = mirror.requests
  assert.ok(range.start > 0 && range.start <= MIB, `resumed from ${range.start}`)
  assert.equal(headers['if-range'], undefined)
  assert.deepEqual(readdirSync(directory), ['file'])
})

test('without a digest the next source starts from zero, over several connections', async (t) => {
  const first = await startRangeOrigin(t, version(SIZE, '"ours"'), {
    script: () => ({ status: 503 }),
  })
  const theirs = version(SIZE, '"theirs"')
  const mirror = await startRangeOrigin(t, theirs)
  const destination = join(temporaryDirectory(t), 'file')
  const options = { connections: 4, mirrors: [mirror.url] }
  const result = await httpDownload(first.url, destination, options)
  assert.ok(readFileSync(destination).equals(theirs.body))
  assert.equal(result.resumedFrom, 0)
  assert.ok(mirror.most > 1, 'the mirror had one connection only')
})

test('a source that refuses all connections is left for the next one', async (t) => {
  const first = await startRangeOrigin(t, version(SIZE), { script: () => ({ status: 429 }) })
  const mirror = await startRangeOrigin(t, version(SIZE), { script: () => ({ status: 404 }) })
  const destination = join(temporaryDirectory(t), 'file')
  const options = { connections: 4, mirrors: [mirror.url] }
  const error = await rejection(httpDownload(first.url, destination, options))
  assert.deepEqual(
    error.errors.map(({ status }) => status),
    [429, 404],
  )
})

test(`${CASES} downloads over several connections from several sources (MIRRORS_SEED=${seed})`, async (t) => {
  const root = temporaryDirectory(t)
  const totals = { fromMirrors: 0, resumed: 0, underDigest: 0, failed: 0, changed: 0 }
  // So that the test cannot pass by never coming to what it is about. How often it does depends on
  // the seed and on how busy the machine is: where it was too seldom, there are more cases.
  const wanted = { fromMirrors: CASES / 5, changed: CASES / 10, underDigest: CASES / 5 }
  const isEnough = () => Object.keys(wanted).every((name) => totals[name] > wanted[name])
  for (let index = 0; index < CASES || (index < 4 * CASES && !isEnough()); index += 1) {
    await t.test(`${index}`, (t) => runCase(t, index, join(root, `${index}`), totals))
  }
  t.diagnostic(JSON.stringify(totals))
  assert.ok(isEnough(), `${JSON.stringify(totals)}: more than ${JSON.stringify(wanted)} are wanted`)
})

async function runCase(t, index, directory, totals) {
  const dice = diceFrom(seed + index * 7919)
  const length = dice.between(2 * MIB, SIZE)
  const draw = () => {
    const start = dice.below(pool.length - length)
    return pool.subarray(start, start + length)
  }
  const expected = draw()
  let isHonest = false
  const script = (request, { body, validators }) => {
    if (isHonest || dice.chance(0.5)) return undefined
    if (dice.chance(0.2)) return { status: dice.pick([404, 429, 503]) }
    if (dice.chance(0.1)) return { reset: true }
    const range = request.range
    const { start, end } = range ?? { start: 0, end: body.length }
    const contentRange = range && { 'Content-Range': `bytes ${start}-${end - 1}/${body.length}` }
    const at = dice.below(end - start + 1)
    return {
      status: range ? 206 : 200,
      headers: { ...validators, ...contentRange },
      body: body.subarray(start, end),
      ...(dice.chance(0.2) ? { stall: at } : { cut: at }),
    }
  }
  const sources = []
  for (let number = 0; number < dice.between(2, 3); number += 1) {
    const body = number > 0 && dice.chance(0.4) ? draw() : expected
    sources.push(
      await startRangeOrigin(t, { body, validators: { ETag: `"${number}"` } }, { script }),
    )
  }
  const destination = join(directory, 'file')
  const because = (what) => `${what}: MIRRORS_SEED=${seed}, case ${index}`
  mkdirSync(directory)
  for (let call = 0; ; call += 1) {
    isHonest = call === CALLS
    const rotated = dice.below(sources.length)
    const [first, ...others] = [...sources.slice(rotated), ...sources.slice(0, rotated)]
    const digest = dice.chance(0.6) ? hash(expected) : undefined
    const signal = dice.chance(0.2) && !isHonest ? AbortSignal.timeout(dice.below(60)) : undefined
    const outcome = await httpDownload(first.url, destination, {
      mirrors: others.map(({ url }) => url),
      sha256: digest,
      connections: dice.pick([1, 2, 4]),
      retries: dice.pick([0, 1]),
      retryDelay: 1,
      retryDelayMax: 5,
      idleTimeout: isHonest ? 30_000 : 200,
      signal,
    }).catch((error) => error)
    if (outcome instanceof Error) {
      totals.failed += 1
      assert.ok(!isHonest, because(`honest sources were not enough: ${outcome.message}`))
      assert.ok(!existsSync(destination), because('a failed call left a destination'))
      continue
    }
    const bytes = readFileSync(destination)
    const source = sources.find(({ url }) => url === outcome.source)
    if (digest) assert.ok(bytes.equals(expected), because('not what was expected'))
    else assert.ok(bytes.equals(source.file.body), because('not the file of its source'))
    assert.deepEqual(readdirSync(directory), ['file'], because('something is left'))
    totals.fromMirrors += source === first ? 0 : 1
    totals.resumed += outcome.resumedFrom > 0 ? 1 : 0
    totals.underDigest += digest ? 1 : 0
    break
  }
  const isChange = ({ headers }) => headers.range?.endsWith('-') && !headers['if-range']
  totals.changed += sources.some(({ requests }) => requests.some(isChange)) ? 1 : 0
  rmSync(directory, { recursive: true })
}
