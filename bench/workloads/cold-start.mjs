// Processes that start together, and want a file that is not there yet.

import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { actor } from '../child.mjs'
import { LOCKS } from '../contenders/locks/index.mjs'
import { checkBytes } from '../measure/check.mjs'
import { serveSlowly } from '../servers/slow-file.mjs'
import { wall } from './kinds/units.mjs'

const JOBS = 8
const MEBIBYTES = 4
const DURATION = 300

export default {
  metrics: [
    { key: 'requests', label: 'requests', unit: '', better: 'lower' },
    { ...wall, label: 'until the last has the file' },
  ],
  title: () => `${JOBS} processes want one file of ${MEBIBYTES} MiB that takes ${DURATION} ms`,
  // Its waiters meet each other again at every look: that can take a quarter of a minute.
  entries: ({ quick }) => LOCKS.filter(({ id }) => !quick || id !== 'proper-lockfile'),
  measure: (context) => (entry, round) => coldStart(context, entry.id, round),
}

async function coldStart(context, id, round) {
  const source = context.file(MEBIBYTES)
  const server = await serveSlowly(readFileSync(join(context.root, source.name)), DURATION)
  // A name that no earlier round has touched; a directory, because locks lie beside the file.
  const directory = context.fresh(`cold-${id}-${round}`)
  const file = join(directory, 'program')
  const jobs = Array.from({ length: JOBS }, () =>
    actor('fetch-once.mjs', { id, url: server.url, file }),
  )
  try {
    await Promise.all(jobs.map((job) => job.hears('ready')))
    const done = Promise.all(jobs.map((job) => job.hears('done')))
    const started = performance.now()
    for (const job of jobs) job.tell('go')
    await done
    const time = performance.now() - started
    checkBytes(file, source)
    return { requests: server.requests(), wall: time }
  } finally {
    for (const job of jobs) job.end()
    server.stop()
    rmSync(directory, { recursive: true })
  }
}
