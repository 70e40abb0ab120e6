// Many machines behind a cache: nginx, with the configuration of examples/many-machines, and
// machines that are processes with directories of their own, and with networks of their own where
// the system allows it.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { noNginx } from '../helpers/origins/caching-proxy.mjs'
import { startJob } from '../helpers/processes/job-process.mjs'
import { temporaryDirectory } from '../helpers/support.mjs'

const COUNT = 20
const FEW = 8

/** A command that gives a program a network of its own, if there is one. */
function networks() {
  if (process.platform !== 'linux') return undefined
  const candidates = [
    { wrapper: ['unshare', '-n'], isMapped: false },
    { wrapper: ['unshare', '-rn'], isMapped: true },
  ]
  // A cable and a machine at its end, as the program makes them.
  const trial =
    'ip link set lo up && ip link add trial0 type veth peer name trial1 && unshare -n true && nsenter --version'
  return candidates.find(
    ({ wrapper: [command, flag] }) => spawnSync(command, [flag, 'sh', '-c', trial]).status === 0,
  )
}

describe('many machines behind a cache', { skip: noNginx(), concurrency: 1 }, () => {
  const system = noNginx() ? undefined : networks()

  async function run(t, scenario) {
    if (!system) t.diagnostic('on one network: this system gives no others (unshare -n)')
    const { wrapper, isMapped } = system ?? {}
    const directory = temporaryDirectory(t)
    const known = { count: COUNT, directory, isNetworked: wrapper !== undefined, isMapped }
    const machines = startJob(t, 'machines', { ...known, ...scenario }, wrapper)
    const ended = await machines.event('ended', 120_000)
    for (const outcome of [...ended.outcomes, ended.later.outcome]) {
      assert.equal(outcome.event, 'done', JSON.stringify(outcome))
      assert.equal(outcome.sha256, ended.sha256)
    }
    return ended
  }

  test(`${COUNT} that come at the same moment cost the origin one request`, async (t) => {
    const { asked, cache, later, outcomes } = await run(t, {})
    assert.deepEqual(asked, [{ kind: 'file', from: 0 }])
    for (const { source } of outcomes) assert.equal(source, cache)
    assert.equal(later.requests, 0, 'one that comes later costs nothing')
  })

  test('redirects to signed URLs are followed by the cache, for all of them once', async (t) => {
    const { asked, cache, later, outcomes } = await run(t, { count: FEW, isRedirected: true })
    assert.deepEqual(asked, [{ kind: 'redirect' }, { kind: 'file', from: 0 }])
    for (const { source } of outcomes) assert.equal(source, cache)
    assert.equal(later.requests, 0)
  })

  test('a cache that dies midway: each continues from the origin, and keeps the received bytes', async (t) => {
    const { asked, outcomes, url } = await run(t, { count: FEW, dies: true })
    for (const { source } of outcomes) assert.equal(source, url)
    const resumed = outcomes.filter(({ resumedFrom }) => resumedFrom > 0)
    assert.ok(resumed.length > 0, JSON.stringify(outcomes))
    assert.equal(asked.filter(({ from }) => from > 0).length, resumed.length)
    assert.equal(asked.length, 1 + FEW, 'one for the cache, and one for each machine')
  })
})
