// Hundreds of small downloads with several sources that break off, change and lie at random.
// Whatever they do, a file that is published is one version that the source of the result had, byte
// for byte, and under a digest the expected one.
//
// Reproduce with MIRRORS_SEED=<seed>; MIRRORS_CASES=<count> and LONG_TESTS=1 make it longer.

import assert from 'node:assert/strict'
import { createHash, randomFillSync } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { downloadWithLock, httpDownload } from '@socketsecurity/registry'
import { drawVersions, startFickleOrigin } from '../helpers/origins/fickle-origin.mjs'
import { dice as diceFrom } from '../helpers/seeded-random.mjs'
import { eachOf, temporaryDirectory } from '../helpers/support.mjs'

const CASES = Number(process.env.MIRRORS_CASES ?? (process.env.LONG_TESTS ? 20_000 : 600))
const AT_ONCE = 8
const CALLS = 8
const seed = Number(process.env.MIRRORS_SEED ?? Math.floor(Math.random() * 2 ** 31))
const pool = randomFillSync(Buffer.alloc(1 << 20))
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')

test(`${CASES} downloads from several fickle servers (MIRRORS_SEED=${seed})`, async (t) => {
  const origin = await startFickleOrigin(t)
  const root = temporaryDirectory(t)
  const totals = { published: 0, fromMirrors: 0, elsewhere: 0, underDigest: 0, failed: 0 }
  await eachOf(CASES, AT_ONCE, (index) => runCase(index, origin, join(root, `${index}`), totals))
  t.diagnostic(JSON.stringify(totals))
  // So that the test cannot pass by never coming to what it is about.
  assert.equal(totals.published, CASES)
  assert.ok(totals.fromMirrors > CASES / 5, `only ${totals.fromMirrors} came from a mirror`)
  assert.ok(totals.elsewhere > CASES / 20, `only ${totals.elsewhere} were continued elsewhere`)
  assert.ok(totals.underDigest > CASES / 5, `only ${totals.underDigest} had a digest`)
})

/**
 * One destination: calls until one succeeds; the first source is honest at the last. Each call
 * draws its sources in an order of its own, with a digest or without.
 */
async function runCase(index, origin, directory, totals) {
  const dice = diceFrom(seed + index * 7919)
  const expected = drawVersions(dice, pool)
  const sources = Array.from({ length: dice.between(2, 4) }, (_, number) => {
    // Some have the right versions under validators of their own, some of the same length, some
    // others.
    const versions = expected.map(({ body, validators }) => ({
      body: dice.chance(0.6) ? body : other(dice, body),
      validators: dice.chance(0.5) ? { ETag: `"${number}"` } : validators,
    }))
    // One strong validator stands for one version.
    const served = versions.some(({ validators }) => validators.ETag === `"${number}"`)
      ? versions.slice(0, 1)
      : versions
    const file = origin.serve(`/${index}/${number}`, dice, served)
    return { file, versions: served }
  })
  const destination = join(directory, 'file')
  const log = []
  const because = (what) => `${what}: MIRRORS_SEED=${seed}, case ${index}\n${log.join('\n')}`
  mkdirSync(directory)
  for (let call = 0; ; call += 1) {
    const isLast = call === CALLS
    if (isLast) for (const { file } of sources) file.becomeHonest()
    const asked = shuffled(dice, sources)
    const [first] = asked
    const wanted = isLast ? first.versions.at(-1).body : dice.pick(expected).body
    const digest = dice.chance(0.6) && !isLast ? hash(wanted) : undefined
    const outcome = await runCall(dice, asked, destination, digest)
    for (const { file } of sources)
      log.push(...file.said.splice(0).map((it) => `  ${file.url} ${it}`))
    const { result, error } = outcome
    log.push(`${digest ? 'digest: ' : ''}${error ?? `${result.size} from ${result.source}`}`)
    if (error) {
      totals.failed += 1
      assert.ok(!isLast, because('an honest server was not enough'))
      // An abort may come in the moment of publication.
      if (error.code === 'ABORT_ERR') rmSync(destination, { force: true })
      assert.ok(!existsSync(destination), because('a failed call left a destination'))
      continue
    }
    const bytes = readFileSync(destination)
    const source = sources.find(({ file }) => file.url === result.source)
    assert.ok(source, because('the source is none of them'))
    if (digest) assert.equal(hash(bytes), digest, because('not what was expected'))
    else {
      const isVersion = source.versions.some(({ body }) => body.equals(bytes))
      assert.ok(isVersion, because('the file is none of the versions of its source'))
    }
    const left = readdirSync(directory).filter((name) => name !== '.locks')
    assert.deepEqual(left, ['file'], because('something is left'))
    totals.published += 1
    totals.fromMirrors += source === first ? 0 : 1
    totals.underDigest += digest ? 1 : 0
    break
  }
  totals.elsewhere += sources.some(({ file }) => file.elsewhere > 0) ? 1 : 0
  for (const { file } of sources) file.close()
}

function other(dice, body) {
  const start = dice.below(pool.length - body.length)
  return pool.subarray(start, start + body.length)
}

function shuffled(dice, list) {
  const left = [...list]
  return list.map(() => left.splice(dice.below(left.length), 1)[0])
}

async function runCall(dice, asked, destination, sha256) {
  const controller = dice.chance(0.2) ? new AbortController() : undefined
  for (const { file } of asked) file.interrupt = () => controller?.abort()
  const [first, ...mirrors] = asked.map(({ file }) => file.url)
  const options = {
    mirrors,
    sha256,
    retries: dice.pick([0, 0, 1]),
    retryDelay: 1,
    timeout: 20_000,
    signal: controller?.signal,
    settleDelay: 0,
  }
  const download = dice.pick([httpDownload, downloadWithLock])
  try {
    return { result: await download(first, destination, options) }
  } catch (error) {
    return { error }
  }
}
