// Eight processes want one program at the same moment. One of them downloads it, the others
// wait; halfway the one is killed, and another goes on.

import { once } from 'node:events'
import { megabytes } from './display.mjs'
import { race } from './race.mjs'
import { follow, onStage } from './stage.mjs'
import { summarize } from './summary.mjs'

const WORKERS = 8

export function rush() {
  return onStage(async ({ dir, destPath, start }) => {
    const server = start('server.mjs', JSON.stringify({ isBusy: true }))
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
  })
}

/** Lets all of them go at once, shows them, and kills the holder halfway. */
async function run(workers, { size, destPath }) {
  let killed

  await race(workers, { size, destPath }, (holder, display) => {
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
  })
  return killed
}
