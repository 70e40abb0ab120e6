// A directory in which others can write. Whatever they put where a download works: the call ends in
// time, what it publishes are the bytes of the server in a file of its user, and nothing elsewhere
// is touched.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { startHalfway, startOrigin } from '../helpers/origins/http-origin.mjs'
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
} from '../helpers/plants.mjs'
import { startJob } from '../helpers/processes/job-process.mjs'
import { until } from '../helpers/support.mjs'

const body = randomBytes(100_000)
const digest = sha256(body)
const victims = { root: 0, 'a user': ALICE }
const functions = ['httpDownload', 'downloadWithLock']
const OPTIONS = { timeout: 10_000, lockTimeout: 1500, pollInterval: 100, settleDelay: 0 }
/** The time in which every call has to end, on a busy machine too. */
const IN_TIME = 30_000

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
  const child = startJob(t, 'victim', { uid: victim, calls, ...more })
  const { outcomes } = await child.event('done', 2 * IN_TIME)
  const left = await Promise.race([child.exit, sleep(20_000)])
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

/** A directory may get entries, and so another size. */
function assertUntouched({ path, planted, what }) {
  const identity = (it) => [it.ino, it.uid, it.mode, it.isDirectory() ? 0 : it.size]
  assert.deepEqual(identity(lstatSync(path)), identity(planted), `${what} was replaced or changed`)
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

/** Asserts that the message of a failure names the file, and that its `path` is a string. */
function assertExplained({ what, outcome, path }) {
  assert.ok(outcome.failed.includes(basename(path)), `${what}: no path in: ${outcome.failed}`)
  assert.equal(typeof outcome.path, 'string', what)
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
        // Without a digest a file that is there is returned: nothing says that it is not the right
        // one.
        assert.ok(planted.isFile() && planted.nlink === 1 && planted.size > 0, what)
      } else {
        assertPublished(destPath, victim, what)
      }
    },
  )

  attack(
    'the lock directory is used if it can be, or named in the error',
    (destination) => join(dirname(destination), '.locks'),
    (each) => {
      if (each.outcome.failed === undefined) assertDone(each)
      else assertExplained(each)
      assertUntouched(each)
    },
  )

  attack(
    'the lock file is waited for, or named in the error',
    (destination) => join(lockDirectory(destination), lockName(destination)),
    (each) => {
      const { what, outcome, planted, how } = each
      if (outcome.failed === undefined) {
        assertDone(each)
        return
      }
      assert.equal(how, 'downloadWithLock')
      if (outcome.code === 'ERR_LOCK_TIMEOUT') {
        assert.match(outcome.failed, /user ID 65534|unknown process/, what)
      } else {
        assert.ok(!planted.isFile(), `${what}: ${outcome.failed}`)
        assertExplained(each)
        assertUntouched(each)
      }
    },
  )

  attack(
    'a claim stays',
    (destination) => join(lockDirectory(destination), '.123-0123456789abcdef.claim'),
    (each) => {
      assertDone(each)
      assertUntouched(each)
    },
  )
})

/** A lock directory that all can use, as this package makes it. */
function lockDirectory(destination) {
  const directory = join(dirname(destination), '.locks')
  mkdirSync(directory)
  chmodSync(directory, 0o1777)
  return directory
}

describe('locks of several users', { skip: whyNotRoot }, () => {
  const inShared = (t, mode = 0o1777) => {
    const { shared } = stage(t, ALICE, mode)
    return join(shared, 'file')
  }
  const oneOf = async (t, uid, call) => (await outcomesOf(t, uid, [call]))[0]

  test('the first makes a directory that the others can lock in, and one request serves all', async (t) => {
    const destPath = inShared(t)
    const origin = await startOrigin(t, async () => {
      await sleep(500)
      return { body }
    })
    const options = { ...OPTIONS, lockTimeout: 60_000 }
    const call = { how: 'downloadWithLock', url: origin.url, destPath, options }
    const users = [ALICE, ALICE + 1, MALLORY, 0]
    const outcomes = await Promise.all(users.map((uid) => oneOf(t, uid, call)))
    for (const outcome of outcomes) assert.equal(outcome.failed, undefined)
    assert.equal(origin.requests.length, 1)
    assert.equal(lstatSync(join(dirname(destPath), '.locks')).mode & 0o7777, 0o1777)
    assert.deepEqual(readdirSync(join(dirname(destPath), '.locks')), [])
  })

  test('one that a dead process left is taken over where it cannot be removed', async (t) => {
    const destPath = inShared(t)
    const lock = join(lockDirectory(destPath), lockName(destPath))
    const holder = { pid: 999_999, startTime: Date.now(), url: 'http://a.test/', kernelLock: true }
    writeFileSync(lock, JSON.stringify(holder), { mode: 0o644 })
    chownSync(lock, MALLORY, MALLORY)
    const origin = await startServer(t)
    const calls = Array.from({ length: 3 }, () => ({
      how: 'downloadWithLock',
      url: origin.url,
      destPath,
      options: { ...OPTIONS, lockTimeout: 60_000, sha256: digest },
    }))
    for (const outcome of await outcomesOf(t, ALICE, calls)) {
      assert.equal(outcome.failed, undefined)
      assert.ok(outcome.took < 10_000, `it waited for a dead holder: ${outcome.took} ms`)
    }
    assert.equal(readFileSync(lock, 'utf8'), JSON.stringify(holder))
    assertPublished(destPath, ALICE, 'the file')
  })

  for (const [what, mode, pattern] of [
    ['names its process and user', 0o644, /held by PID \d+ of user ID 65534\)/],
    ['names its user when it cannot be read', 0o600, /held by a process of user ID 65534\)/],
  ]) {
    test(`a timeout ${what}`, async (t) => {
      const destPath = inShared(t)
      const origin = await startOrigin(t, async (request) => {
        if (request.path === '/slow') await sleep(30_000)
        return { body }
      })
      const slow = { how: 'downloadWithLock', url: `${origin.url}/slow`, destPath, options: {} }
      startJob(t, 'victim', { uid: MALLORY, calls: [slow] })
      const lock = join(dirname(destPath), '.locks', lockName(destPath))
      await until(() => existsSync(lock), 'the lock')
      chmodSync(lock, mode)
      const outcome = await oneOf(t, ALICE, { ...slow, url: origin.url, options: OPTIONS })
      assert.equal(outcome.code, 'ERR_LOCK_TIMEOUT')
      assert.match(outcome.failed, pattern)
    })
  }
})

describe('a file that is there', { skip: whyNotRoot }, () => {
  const cases = [
    [
      'of another user in a directory for all is not vouched for by its digest',
      0o1777,
      MALLORY,
      false,
    ],
    [
      'of another user in a directory for all is not vouched for without a sticky bit either',
      0o777,
      MALLORY,
      false,
    ],
    ['of root in a directory for all is', 0o1777, 0, true],
    ['of another user in a directory of a group is', 0o775, MALLORY, true],
    ['of another user in a directory of one user is', 0o755, MALLORY, true],
  ]

  test('that everybody can write to is not vouched for, whoever owns it', async (t) => {
    const { shared } = stage(t, ALICE, 0o755)
    chownSync(shared, ALICE, ALICE)
    const destPath = join(shared, 'file')
    writeFileSync(destPath, body)
    chownSync(destPath, ALICE, ALICE)
    chmodSync(destPath, 0o666)
    const origin = await startServer(t)
    const options = { ...OPTIONS, sha256: digest }
    const call = { how: 'downloadWithLock', url: origin.url, destPath, options }
    const [outcome] = await outcomesOf(t, ALICE, [call])
    assert.equal(outcome.failed, undefined)
    assert.equal(origin.requests.length, 1)
    assertPublished(destPath, ALICE, 'the file')
  })

  for (const [what, mode, owner, isReturned] of cases) {
    test(what, async (t) => {
      const { shared } = stage(t, ALICE, mode)
      const destPath = join(shared, 'file')
      writeFileSync(destPath, body)
      chownSync(destPath, owner, owner)
      const origin = await startServer(t)
      const options = { ...OPTIONS, sha256: digest }
      const call = { how: 'downloadWithLock', url: origin.url, destPath, options }
      const [outcome] = await outcomesOf(t, ALICE, [call])
      assert.equal(origin.requests.length, isReturned ? 0 : 1)
      if (!isReturned && mode === 0o1777) assert.match(outcome.failed, /belongs to user ID 65534/)
      else assert.equal(outcome.failed, undefined)
      if (!isReturned && mode === 0o777) assertPublished(destPath, ALICE, 'the file')
    })
  }
})

describe('permissions', { skip: whyNotRoot }, () => {
  for (const how of functions) {
    test(`nothing of ${how} is readable by others before it is published`, async (t) => {
      const { shared } = stage(t, ALICE)
      const { origin, finish } = await startHalfway(t, body)
      const destPath = join(shared, 'file')
      const options = { mode: 0o600, timeout: 60_000 }
      const calls = [{ how, url: `${origin.url}/?token=hidden`, destPath, options }]
      const child = startJob(t, 'victim', { uid: ALICE, calls, umask: 0 })
      await until(
        () => existsSync(`${destPath}.part`) && lstatSync(`${destPath}.part`).size > 0,
        'a part',
      )
      const files = readdirSync(shared).filter((name) => name !== '.locks')
      assert.deepEqual(files.sort(), ['file.part', 'file.part.json'])
      for (const name of files)
        assert.equal(lstatSync(join(shared, name)).mode & 0o7777, 0o600, name)
      if (how === 'downloadWithLock') {
        const lock = readFileSync(join(shared, '.locks', lockName(destPath)), 'utf8')
        assert.ok(!lock.includes('hidden'), lock)
      }
      assert.ok(!readFileSync(`${destPath}.part.json`, 'utf8').includes('hidden'))
      const modes = new Set()
      const watch = setInterval(() => {
        for (const name of readdirSync(shared).filter((each) => each !== '.locks')) {
          modes.add(lstatSync(join(shared, name), { throwIfNoEntry: false })?.mode)
        }
      }, 0)
      finish()
      await child.event('done')
      clearInterval(watch)
      for (const mode of modes) if (mode !== undefined) assert.equal(mode & 0o7777, 0o600)
      assert.equal(lstatSync(destPath).mode & 0o7777, 0o600)
    })

    test(`a part file that ${how} leaves is readable by its owner only`, async (t) => {
      const { shared } = stage(t, ALICE)
      const origin = await startOrigin(t, (_request, response) => {
        response.writeHead(200, { 'Content-Length': body.length, ETag: '"1"' })
        response.write(body.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 100))
      })
      const destPath = join(shared, 'file')
      const calls = [{ how, url: origin.url, destPath, options: { mode: 0o644 } }]
      const [outcome] = await outcomesOf(t, ALICE, calls, { umask: 0 })
      assert.notEqual(outcome.failed, undefined)
      for (const name of ['file.part', 'file.part.json']) {
        assert.equal(lstatSync(join(shared, name)).mode & 0o7777, 0o600, name)
      }
    })
  }

  test('are those of any new file, but that nobody else may change what a digest vouches for', async (t) => {
    const { shared } = stage(t, ALICE)
    const origin = await startServer(t)
    const call = (name, options) => ({
      how: 'httpDownload',
      url: origin.url,
      destPath: join(shared, name),
      options,
    })
    await outcomesOf(t, ALICE, [call('plain', {}), call('verified', { sha256: digest })], {
      umask: 0,
    })
    const modes = ['plain', 'verified'].map((name) => lstatSync(join(shared, name)).mode & 0o7777)
    assert.deepEqual(modes, [0o666, 0o644])
  })
})
