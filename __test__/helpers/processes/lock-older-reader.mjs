// Reads a lock file over and over, as waiters of the older kind do, until told to stop.

import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { job, report } from './lock-child.mjs'

let stopped = false
process.stdin.once('data', () => {
  stopped = true
})

const pids = new Set()
const broken = []
let read = 0
report('reading')
while (!stopped) {
  for (let count = 0; count < 200; count += 1) look()
  await turn()
}
report('seen', { read, broken: broken.slice(0, 3), pids: [...pids] })
process.stdin.destroy()

function look() {
  let text
  try {
    text = readFileSync(job.lock, 'utf8')
  } catch {
    return
  }
  read += 1
  try {
    pids.add(JSON.parse(text).pid)
  } catch {
    broken.push(text)
  }
}
