// Random combinations of plants, at random places, while somebody may go on swapping names: seeded,
// so that a failure can be repeated with PLANTS_SEED and PLANTS_CASES.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import {
  ALICE,
  fingerprint,
  MALLORY,
  plants,
  sha256,
  stage,
  whyNotRoot,
} from '../helpers/plants.mjs'
import { startJob } from '../helpers/processes/job-process.mjs'

const body = randomBytes(20_000)
const digest = sha256(body)
const CASES = Number(process.env.PLANTS_CASES ?? 1000)
const SEED = Number(process.env.PLANTS_SEED ?? Date.now() % 1_000_000)
const OPTIONS = { timeout: 20_000, lockTimeout: 300, pollInterval: 50, settleDelay: 0 }

/** Mulberry32: a few lines, and the same numbers everywhere. */
function generator(seed) {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const lockName = (destination) => `${destination.replaceAll(/[^A-Za-z0-9_.-]/g, '_')}.lock`

const places = [
  (destination) => destination,
  (destination) => `${destination}.part`,
  (destination) => `${destination}.part.json`,
  (destination) => `${destination}.123-0123abcd.part`,
  (destination) => `${destination}.123-0123abcd.part.json`,
  (destination) => `${destination}.123-0123abcd.sealed`,
  (destination) => join(dirname(destination), '.locks'),
  (destination) => inLocks(destination, lockName(destination)),
  (destination) => inLocks(destination, '.9-0123456789abcdef.claim'),
]

function inLocks(destination, name) {
  const directory = join(dirname(destination), '.locks')
  mkdirSync(directory)
  chmodSync(directory, 0o1777)
  return join(directory, name)
}

/** One directory, with up to four plants in it. */
async function set(directory, vault, random) {
  mkdirSync(directory)
  chmodSync(directory, random(2) ? 0o777 : 0o1777)
  const destPath = join(directory, 'file')
  const names = Object.keys(plants)
  const planted = []
  for (let count = random(5); count > 0; count -= 1) {
    const place = places[random(places.length)]
    const what = names[random(names.length)]
    try {
      await plants[what](place(destPath), vault)
      planted.push(`${what} at ${places.indexOf(place)}`)
    } catch {
      // Taken by an earlier plant, or within something that is no directory.
    }
  }
  const how = random(2) ? 'httpDownload' : 'downloadWithLock'
  const options = {
    ...OPTIONS,
    ...(random(2) && { sha256: digest }),
    ...(random(4) || { resume: false }),
  }
  return { destPath, planted, how, options, before: lstatSync(destPath, { throwIfNoEntry: false }) }
}

for (const [who, victim, isSwapped] of [
  ['root', 0, false],
  ['a user', ALICE, false],
  ['root, with names that are swapped all the time', 0, true],
  ['a user, with names that are swapped all the time', ALICE, true],
]) {
  test(`whatever is planted, ${who} gets the bytes of the server or an error (seed ${SEED})`, {
    skip: whyNotRoot,
  }, async (t) => {
    const random = generator(SEED)
    const { shared, vault } = stage(t, victim)
    const cases = []
    for (let index = 0; index < CASES / 4; index += 1) {
      cases.push(await set(join(shared, String(index)), vault, random))
    }
    const before = fingerprint(vault)
    const origin = await startOrigin(t, { body, headers: { ETag: '"1"' } })
    const stopSwapping = isSwapped ? startSwapper(t, shared, cases.length, vault) : undefined
    const calls = cases.map(({ how, destPath, options }, index) => ({
      how,
      destPath,
      options,
      url: `${origin.url}/${index}`,
    }))
    const child = startJob(t, 'victim', { uid: victim, calls })
    const { outcomes } = await child.event('done', 120_000)
    assert.ok(await Promise.race([child.exit, sleep(30_000)]), 'a thread keeps the process')
    await stopSwapping?.()
    assert.deepEqual(fingerprint(vault), before, 'the files of the victim were touched')
    if (isSwapped) return
    for (const [index, outcome] of outcomes.entries()) {
      const { destPath, planted, how, options, before } = cases[index]
      const what = `case ${index}, ${how}: ${planted.join(', ')}: ${JSON.stringify(outcome)}`
      if (outcome.failed !== undefined) {
        assert.ok(planted.length > 0, what)
        continue
      }
      const found = lstatSync(destPath)
      const isReturnedAsItWas =
        how === 'downloadWithLock' && !options.sha256 && found.ino === before?.ino
      assert.ok(found.isFile(), what)
      if (!isReturnedAsItWas) {
        assert.equal(found.uid, victim, what)
        assert.equal(sha256(readFileSync(destPath)), digest, what)
      }
    }
  })
}

/** Mallory's program; the function that ends it. */
function startSwapper(t, shared, count, vault) {
  const path = fileURLToPath(new URL('../helpers/processes/swapper.mjs', import.meta.url))
  const args = [path, shared, String(count), vault.directory]
  const swapper = spawn(process.execPath, args, { uid: MALLORY, gid: MALLORY, stdio: 'ignore' })
  const ended = new Promise((resolve) => {
    swapper.on('exit', resolve)
  })
  t.after(() => swapper.kill('SIGKILL'))
  return () => {
    swapper.kill('SIGKILL')
    return ended
  }
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds).unref())
