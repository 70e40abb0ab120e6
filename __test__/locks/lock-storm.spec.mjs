// A storm: processes that want one file are killed, stopped and continued at random moments.
// Whatever happens, the destination is whole whenever it is there, everybody who is left gets
// it, and the next caller finds no obstacle.
//
// Reproduce with STORM_SEED=<seed>; LONG_TESTS=1 makes it several hundred rounds.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { filesUnder, hashOf, setStage } from '../helpers/processes/lock-stage.mjs'
import { dice } from '../helpers/seeded-random.mjs'

const ROUNDS = process.env.LONG_TESTS ? 300 : 15
const PROCESSES = 4
const BLOWS = 8
const seed = Number(process.env.STORM_SEED ?? Math.floor(Math.random() * 2 ** 31))

test(`${ROUNDS} rounds of processes killed, stopped and continued (STORM_SEED=${seed})`, async (t) => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const where = `STORM_SEED=${seed}, round ${round}`
    const { below, chance, pick } = dice(seed + round)
    const ranges = chance(0.5)
    const stage = await setStage(t, { size: 512 * 1024, duration: 150, ranges })
    const { dest, origin } = stage
    const options = { staleTimeout: 400, lockTimeout: 100_000, pollInterval: 100, retries: 2 }
    const job = { options, waitForGo: true }
    const children = Array.from({ length: PROCESSES }, () => stage.start('download', job))
    for (const child of children) await child.event('ready')
    for (const child of children) child.tell('go')

    const killed = new Set()
    for (let blow = 0; blow < BLOWS; blow += 1) {
      await sleep(below(60))
      const child = pick(children)
      const signal = pick(['SIGKILL', 'SIGSTOP', 'SIGSTOP', 'SIGCONT', 'SIGCONT'])
      // One is left alone, so that there is somebody to succeed.
      if (signal === 'SIGKILL' && (child === children[0] || !child.running)) continue
      if (signal === 'SIGKILL') killed.add(child)
      child.kill(signal)
      if (existsSync(dest)) assert.equal(hashOf(dest), origin.sha256, `not whole: ${where}`)
    }
    for (const child of children) child.kill('SIGCONT')

    for (const child of children) {
      if (killed.has(child)) continue
      const { sha256 } = await child.event('done', 120_000)
      assert.equal(sha256, origin.sha256, where)
    }
    await Promise.all(children.map((child) => child.exit))
    assert.equal(hashOf(dest), origin.sha256, where)

    // Whatever the dead have left is no obstacle to the next download, which cleans it up.
    const asked = origin.requests.length
    const next = stage.start('download', { options, destPath: `${dest}.next` })
    await next.event('done')
    assert.equal(origin.requests.length, asked + 1, where)
    const names = await filesUnder(stage.dir)
    const locks = names.filter((name) => name.endsWith('.lock'))
    assert.deepEqual(locks, [], `locks are left: ${where}`)
  }
})
