// Downloads a program and runs it the moment it is there, over and over, while threads of this
// process fork all the time: a fork inherits whatever is open for writing until it executes
// something. Reports the runs that failed.

import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { httpDownload } from '@socketsecurity/registry'

if (isMainThread) {
  const { job, report } = await import('./lock-child.mjs')
  const threads = Array.from(
    { length: job.threads },
    () => new Worker(new URL(import.meta.url), { workerData: 'fork' }),
  )
  const failed = []
  let runs = 0
  for (let round = 0; round < job.rounds; round += 1) {
    const path = join(job.directory, `program-${round % 3}`)
    await httpDownload(job.url, path, { mode: 0o755 })
    const results = [spawnSync(path), spawn(path), spawn(path)]
    for (const result of results) {
      runs += 1
      const error = result.pid ? result.error : (result.error ?? (await once(result)))
      if (error) failed.push(error.code)
      else if (result.status === undefined) await ended(result)
    }
  }
  await Promise.all(threads.map((thread) => thread.terminate()))
  report('ran', { runs, failed })
} else if (workerData === 'fork') {
  for (;;) spawnSync('/bin/true')
}

function once(child) {
  return new Promise((resolve) => child.on('error', resolve))
}

function ended(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null) resolve()
    else child.on('exit', resolve)
  })
}
