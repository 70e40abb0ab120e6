// Eight processes want one program at the same moment. One of them downloads it, the others
// wait; halfway the one is killed, and another goes on.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createDisplay, megabytes } from './display.mjs'
import { readHolder } from './holder.mjs'
import { summarize } from './summary.mjs'

const WORKERS = 8
const script = (name) => fileURLToPath(new URL(name, import.meta.url))

export async function rush() {
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
    const server = start('server.mjs')
    const [{ url, size }] = await once(server, 'message')
    console.log(`\n${WORKERS} processes want ${megabytes(size)} from ${url}\n`)

    const workers = Array.from({ length: WORKERS }, (_, index) =>
      follow(start('worker.mjs', url, destPath), `process ${index + 1}`),
    )
    await Promise.all(workers.map(({ ready }) => ready))
    const killed = await run(workers, { size, destPath })

    server.send('report')
    const [requests] = await once(server, 'message')
    return summarize({ workers, killed, requests, dir, destPath })
  } finally {
    process.removeListener('exit', cleanUp)
    cleanUp()
  }
}

/** Keeps what a worker tells in one record. */
function follow(child, name) {
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

/** Lets all of them go at once, shows them, and kills the holder halfway. */
async function run(workers, { size, destPath }) {
  const display = createDisplay(workers.map(({ name, pid }) => `${name} (PID ${pid})`))
  let killed

  const timer = setInterval(() => {
    const pid = readHolder(destPath)?.pid
    const holder = workers.find((worker) => worker.pid === pid)
    for (const worker of workers) {
      if (worker.child.connected) {
        worker.state =
          worker === holder ? 'downloads' : worker.downloaded < size ? 'waits' : 'checks'
      }
    }
    show()
    if (!killed && holder && holder.downloaded >= size / 2) {
      killed = { worker: holder, at: holder.downloaded / size, time: performance.now() }
      holder.child.kill('SIGKILL')
      display.say(`${holder.name} holds the lock and is halfway: killed with SIGKILL`)
    }
    if (killed && !killed.heir && holder && holder !== killed.worker) {
      killed.heir = holder
      killed.took = performance.now() - killed.time
      display.say(`${holder.name} has the lock now and goes on`)
    }
  }, 20)

  function show() {
    for (const [index, { state, downloaded }] of workers.entries()) {
      display.show(index, state, downloaded, size)
    }
  }

  for (const { child } of workers) child.send('go')
  await Promise.all(workers.map(({ ended }) => ended))
  clearInterval(timer)
  show()
  display.stop()
  return killed
}
