// A directory in which others can write. Whatever they put where a download works: the call ends in time, what it
// publishes are the bytes of the server in a file of its user, and nothing elsewhere is touched.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { describe, test } from 'node:test'
import { startOrigin } from '../origins/http-origin.mjs'
import { startJob } from '../processes/job-process.mjs'
import {
  ALICE,
  fingerprint,
  MALLORY,
  plantDevice,
  plants,
  sha256,
  stage,
  whyNotRoot,
  withProtections,
} from './plants.mjs'

const body = randomBytes(100_000)
const digest = sha256(body)
const victims = { root: 0, 'a user': ALICE }
const functions = ['httpDownload', 'downloadWithLock']
const OPTIONS = { timeout: 5000, lockTimeout: 1500, pollInterval: 100, settleDelay: 0 }
/** The time in which every call has to end, on a busy machine too. */
const IN_TIME = 15_000

const settings = [
  { level: 'off', mode: 0o777 },
  { level: 'off', mode: 0o1777 },
  { level: 'strictest', mode: 0o1777 },
]

const shown = (mode) => mode.toString(8)
const lockName = (destination) => `${destination.replaceAll(/[^A-Za-z0-9_.-]/g, '_')}.lock`

/** A server whose responses can be resumed. */
const startServer = (t) => startOrigin(t, { body, headers: { ETag: '"1"' } })

/** Makes calls as a victim; how each ended. */
async function outcomesOf(t, victim, calls, more = {}) {
  const child = startJob(t, '../security/victim', { uid: victim, calls, ...more })
  const { outcomes } = await child.event('done', 2 * IN_TIME)
  const left = await Promise.race([child.exit, sleep(5000)])
  assert.ok(left, 'a thread keeps the process')
  for (const { took } of outcomes) assert.ok(took < IN_TIME, `a call took ${took} ms`)
  return outcomes
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds).unref())

/** Each plant for each function, with and without a digest, in a directory of its own. */
async function placed(place, { shared, vault, mode }) {
  const cases = []
  for (const [what, plant] of Object.entries({ ...plants, 'a device': plantDevice })) {
    for (const how of functions) {
      for (const expected of [undefined, digest]) {
        const directory = join(shared, String(cases.length))
        mkdirSync(directory)
        chmodSync(directory, mode)
        const destPath = join(directory, 'file')
        const path = place(destPath)
        await plant(path, vault)
        const options = { ...OPTIONS, ...(expected && { sha256: expected }) }
        cases.push({ what, how, destPath, path, planted: lstatSync(path), options, expected })
      }
    }
  }
  return cases
}

function assertPublished(path, victim, what) {
  const found = lstatSync(path)
  assert.ok(found.isFile(), `${what}: no regular file was published`)
  assert.equal(found.uid, victim, `${what}: it is not a file of the victim`)
  assert.equal(found.mode & 0o022, 0, `${what}: others can write to it`)
  assert.equal(sha256(readFileSync(path)), digest, `${what}: its bytes are not those of the server`)
}

function assertUntouched({ path, planted, what }) {
  const { ino, uid, mode, size } = lstatSync(path)
  const before = [planted.ino, planted.uid, planted.mode, planted.size]
  assert.deepEqual([ino, uid, mode, size], before, `${what} was replaced or changed`)
}

/** Runs all plants at a place, under each setting and for each victim. */
function attack(what, place, check) {
  for (const { level, mode } of settings) {
    for (const [who, victim] of Object.entries(victims)) {
      test(`${what} (${who}, mode ${shown(mode)}, kernel protections ${level})`, (t) =>
        withProtections(level, async () => {
          const { shared, vault } = stage(t, victim)
          const cases = await placed(place, { shared, vault, mode })
          const before = fingerprint(vault)
          const origin = await startServer(t)
          const calls = cases.map(({ how, destPath, options }, index) => ({
            how,
            destPath,
            options,
            url: `${origin.url}/${index}`,
          }))
          const outcomes = await outcomesOf(t, victim, calls)
          assert.deepEqual(fingerprint(vault), before, 'the files of the victim were touched')
          for (const [index, outcome] of outcomes.entries()) {
            const label = `${cases[index].what}, ${cases[index].how}, ${cases[index].expected ? 'with' : 'without'} a digest`
            check({ ...cases[index], what: label, outcome, victim, mode })
          }
        }))
    }
  }
}

function assertDone({ what, outcome, destPath, victim }) {
  assert.equal(outcome.failed, undefined, `${what}: ${outcome.failed}`)
  assertPublished(destPath, victim, what)
}

/** What a failure must say: where, and in which words. */
function assertExplained({ what, outcome, path }) {
  assert.ok(outcome.failed.includes(basename(path)), `${what}: no path in: ${outcome.failed}`)
  assert.equal(typeof outcome.path ?? 'string', 'string', what)
}

describe('a plant at the name of', { skip: whyNotRoot }, () => {
  attack(
    'a part file costs a unique name',
    (destination) => `${destination}.part`,
    (each) => {
      assertDone(each)
      assertUntouched(each)
    },
  )

  attack(
    'a record costs a unique name',
    (destination) => `${destination}.part.json`,
    (each) => {
      assertDone(each)
      assertUntouched(each)
    },
  )

  attack(
    'an abandoned part file stays',
    (destination) => `${destination}.123-0123abcd.part`,
    (each) => {
      assertDone(each)
      assertUntouched(each)
    },
  )

  attack(
    'the destination is replaced, or named in the error',
    (destination) => destination,
    (each) => {
      const { what, outcome, planted, expected, how, victim, mode, destPath } = each
      if (outcome.failed !== undefined) {
        assertExplained(each)
        if (!planted.isSymbolicLink()) assertUntouched(each)
        if (planted.isFile()) {
          assert.ok(victim !== 0 && mode === 0o1777, `${what}: ${outcome.failed}`)
          assert.match(outcome.failed, /user ID \d+/)
        }
        return
      }
      assert.ok(planted.isFile() || planted.isSymbolicLink(), `${what}: was replaced`)
      const isReturnedAsItWas =
        how === 'downloadWithLock' && !expected && lstatSync(destPath).ino === planted.ino
      if (isReturnedAsItWas) {
        // Without a digest a file that is there is returned: nothing says that it is not the right one.
        assert.ok(planted.isFile() && planted.nlink === 1 && planted.size > 0, what)
      } else {
        assertPublished(destPath, victim, what)
      }
    },
  )
})
