// A directory and the processes of a demo, all of which are gone at its end.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const script = (name) => fileURLToPath(new URL(name, import.meta.url))

/** Calls `play` with `{ dir, destPath, start(name, ...args) }`. */
export async function onStage(play) {
  const dir = mkdtempSync(join(tmpdir(), 'download-demo-'))
  const destPath = join(dir, `program${extname(process.execPath)}`)
  const children = []
  const start = (name, ...args) => {
    const child = fork(script(name), args)
    children.push(child)
    return child
  }
  const cleanUp = () => {
    for (const child of children) child.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
  }
  process.once('exit', cleanUp)
  try {
    return await play({ dir, destPath, start })
  } finally {
    process.removeListener('exit', cleanUp)
    cleanUp()
  }
}

/** Keeps what a worker tells in one record. */
export function follow(child, name) {
  const worker = { child, name, pid: child.pid, state: 'waits', downloaded: 0 }
  child.on('message', (told) => Object.assign(worker, told))
  worker.ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')]).then(() => {
    worker.state = child.signalCode ? 'killed' : worker.sha256 ? 'done' : 'failed'
  })
  const early = worker.ended.then(() => {
    throw new Error(`${name} ended before it began`)
  })
  worker.ready = Promise.race([once(child, 'message'), early])
  early.catch(() => {})
  return worker
}
