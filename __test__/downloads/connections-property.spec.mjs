// Hundreds of downloads over several connections, from servers that limit connections, stall, break
// off, change and lie at random, by processes that are killed at random. Whatever happens, a file
// that is published is one version that the server had, byte for byte. Where the server is honest,
// not much is fetched twice.
//
// Reproduce with CONNECTIONS_SEED=<seed>; CONNECTIONS_CASES=<count> and LONG_TESTS=1 make it
// longer.

import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startManyFiles } from '../helpers/origins/fickle-ranges.mjs'
import { startJob } from '../helpers/processes/job-process.mjs'
import { dice as diceFrom } from '../helpers/seeded-random.mjs'
import { temporaryDirectory } from '../helpers/support.mjs'

const CASES = Number(process.env.CONNECTIONS_CASES ?? (process.env.LONG_TESTS ? 6000 : 240))
const seed = Number(process.env.CONNECTIONS_SEED ?? Math.floor(Math.random() * 2 ** 31))
/** Files that one process downloads, and how many of them at once. */
const BATCH = 40
const AT_ONCE = 8
/** Processes for a batch, of which the last is not killed; of every third batch, none is. */
const PROCESSES = 6
const MIB = 1 << 20
const pool = randomFillSync(Buffer.alloc(9 * MIB))

test(`${CASES} downloads over several connections (CONNECTIONS_SEED=${seed})`, async (t) => {
  const origin = await startManyFiles(t)
  const root = temporaryDirectory(t)
  const totals = {
    published: 0,
    failed: 0,
    kills: 0,
    resumed: 0,
    requests: 0,
    honest: 0,
    honestSent: 0,
  }
  for (let first = 0; first < CASES; first += BATCH) {
    await runBatch(t, origin, join(root, `${first}`), first, totals)
  }
  t.diagnostic(JSON.stringify(totals))
  // So that the test cannot pass by never coming to what it is about.
  assert.ok(totals.published > CASES * 0.9, `only ${totals.published} were published`)
  assert.ok(totals.resumed > CASES / 40, `only ${totals.resumed} were resumed`)
  assert.ok(
    totals.honestSent < 1.3 * totals.honest,
    `${totals.honestSent / totals.honest} of what honest servers had`,
  )
})

async function runBatch(t, origin, root, first, totals) {
  const dice = diceFrom(seed + first * 7919)
  const isPeaceful = (first / BATCH) % 3 === 2
  const cases = Array.from({ length: BATCH }, (_, index) => {
    const id = first + index
    const directory = join(root, `${id}`)
    mkdirSync(directory, { recursive: true })
    const file = origin.serve(`/${id}`, diceFrom(seed + id * 104_729), pool)
    return { id, directory, destPath: join(directory, 'file'), file }
  })
  const options = (isLast) => ({
    connections: dice.between(2, 16),
    retries: dice.pick([0, 1, 3]),
    retryDelay: 1,
    // An honest server is not silent for longer, on a busy machine, too.
    idleTimeout: isLast ? 30_000 : 1000,
    timeout: 20_000,
    digests: dice.chance(0.3),
  })
  let left = cases
  for (let process = 1; left.length > 0; process += 1) {
    const isLast = process >= PROCESSES
    const isKilled = !isLast && !isPeaceful
    if (isLast) for (const { file } of left) file.becomeHonest()
    const downloads = left.map(({ id, destPath, file }) => ({
      id,
      destPath,
      url: file.url,
      options: options(isLast),
    }))
    const job = startJob(t, 'connections-job', { downloads, atOnce: AT_ONCE })
    if (isKilled) {
      await someBytes(left, dice.between(MIB / 2, 16 * MIB), job.exit)
      job.kill('SIGKILL')
    }
    totals.kills += (await job.exit).signal === 'SIGKILL' ? 1 : 0
    const ended = new Map(job.events.map((event) => [event.id, event]))
    for (const each of left) verify(each, ended.get(each.id), totals, isPeaceful)
    left = left.filter(({ isDone }) => !isDone)
    if (process >= PROCESSES + 2 && left.length > 0) {
      assert.fail(because(left[0], 'an honest server was not enough'))
    }
  }
  rmSync(root, { recursive: true })
}

/** Waits until so many bytes of these files are on their way, or something else happens. */
async function someBytes(cases, count, exit) {
  const sent = () => cases.reduce((sum, { file }) => sum + file.sent, 0)
  const [before, started] = [sent(), performance.now()]
  let isOver = false
  exit.then(() => {
    isOver = true
  })
  // A server that stalls sends nothing more.
  while (!isOver && sent() < before + count && performance.now() < started + 2000) await sleep(2)
}

const because = ({ id, file }, what) =>
  `${what}: CONNECTIONS_SEED=${seed}, case ${id}\n${file.said.join('\n')}`

function verify(each, event, totals, isPeaceful) {
  const { file, destPath, directory } = each
  file.said.push(`  ${JSON.stringify(event ?? 'killed')}`)
  // A process killed right before publishing leaves a sealed file, which is removed a minute later.
  const names = readdirSync(directory).filter((name) => !name.endsWith('.sealed'))
  if (!names.includes('file')) {
    assert.notEqual(event?.event, 'done', because(each, 'it is not there'))
    totals.failed += event ? 1 : 0
    return
  }
  // A killed process may have published the file without reporting it.
  const bytes = readFileSync(destPath)
  assert.ok(
    file.versions.some(({ body }) => body.equals(bytes)),
    because(each, 'the file is none of the versions'),
  )
  if (event?.event === 'done') {
    assert.equal(event.size, bytes.length, because(each, 'another size'))
    assert.deepEqual(names, ['file'], because(each, 'something is left'))
  }
  each.isDone = true
  totals.published += 1
  totals.resumed += event?.resumedFrom > 0 ? 1 : 0
  totals.requests += file.requests
  // Bytes on their way to a killed process are lost.
  if (file.isHonest && isPeaceful) {
    totals.honest += bytes.length
    totals.honestSent += file.sent
  }
  file.close()
}
