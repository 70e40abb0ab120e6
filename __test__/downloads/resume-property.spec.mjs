// Thousands of small downloads from a server that breaks off, changes and lies at random. Whatever
// it does, a file that is published is one version that the server had, byte for byte.
//
// Reproduce with RESUME_SEED=<seed>; RESUME_CASES=<count> and LONG_TESTS=1 make it longer.

import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { drawVersions, startFickleOrigin } from '../helpers/origins/fickle-origin.mjs'
import { dice as diceFrom } from '../helpers/seeded-random.mjs'
import { eachOf, temporaryDirectory } from '../helpers/support.mjs'

const CASES = Number(process.env.RESUME_CASES ?? (process.env.LONG_TESTS ? 50_000 : 2000))
const AT_ONCE = 8
const FICKLE_CALLS = 5
const seed = Number(process.env.RESUME_SEED ?? Math.floor(Math.random() * 2 ** 31))
const OLDER_FILE = Buffer.from('what was there before')
const pool = randomFillSync(Buffer.alloc(1 << 20))

test(`${CASES} downloads from a fickle server (RESUME_SEED=${seed})`, async (t) => {
  const origin = await startFickleOrigin(t)
  const root = temporaryDirectory(t)
  const totals = { calls: 0, requests: 0, resumptions: 0, resumed: 0, fickle: 0 }
  await eachOf(CASES, AT_ONCE, (index) => runCase(index, origin, join(root, `${index}`), totals))
  t.diagnostic(JSON.stringify(totals))
  // So that the test cannot pass by never coming to what it is about.
  assert.ok(totals.resumptions > CASES / 4, `only ${totals.resumptions} requests with Range`)
  assert.ok(totals.resumed > CASES / 20, `only ${totals.resumed} files were resumed`)
  assert.ok(totals.fickle > CASES / 4, `only ${totals.fickle} came before the server was honest`)
})

/** One file: calls until one succeeds; the server is honest at the last. */
async function runCase(index, origin, directory, totals) {
  const dice = diceFrom(seed + index * 7919)
  const versions = drawVersions(dice, pool)
  const file = origin.serve(`/${index}`, dice, versions)
  const destination = join(directory, 'file')
  const older = dice.chance(0.2)
  const log = []
  const because = (what) => `${what}: RESUME_SEED=${seed}, case ${index}\n${log.join('\n')}`

  mkdirSync(directory)
  if (older) writeFileSync(destination, OLDER_FILE)
  for (let call = 0; ; call += 1) {
    const last = call === FICKLE_CALLS
    if (last) file.becomeHonest()
    const outcome = await runCall(dice, file, destination, last)
    log.push(...file.said.splice(0), `  ${outcome.error ?? `published ${outcome.result.size}`}`)
    totals.calls += 1
    if (outcome.result) {
      const bytes = readFileSync(destination)
      assert.ok(
        versions.some(({ body }) => body.equals(bytes)),
        because('the file is none of the versions'),
      )
      assert.equal(outcome.result.size, bytes.length, because('another size'))
      assert.deepEqual(readdirSync(directory), ['file'], because('something is left'))
      totals.resumed += outcome.result.resumedFrom > 0 ? 1 : 0
      totals.fickle += last ? 0 : 1
      break
    }
    assert.ok(!last, because('an honest server was not enough'))
    if (older) assert.ok(readFileSync(destination).equals(OLDER_FILE), because('the older file'))
    else assert.ok(!existsSync(destination), because('a failed call left a destination'))
  }
  totals.requests += file.requests
  totals.resumptions += file.resumptions
  file.close()
}

async function runCall(dice, file, destination, last) {
  const controller = dice.chance(0.5) && !last ? new AbortController() : undefined
  file.interrupt = () => controller?.abort()
  const options = {
    retries: last ? 0 : dice.pick([0, 0, 1, 2]),
    retryDelay: 1,
    timeout: 20_000,
    signal: controller?.signal,
    resume: dice.chance(0.05) ? false : undefined,
  }
  try {
    return { result: await httpDownload(file.url, destination, options) }
  } catch (error) {
    return { error }
  }
}
