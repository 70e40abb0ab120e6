// Wants a file by our lock. While another process downloads it, says what a second of waiting
// costs.

import { setTimeout as sleep } from 'node:timers/promises'
import { downloadWithLock } from '../../lib/download-lock.js'
import { httpGetText } from '../../lib/http-request.js'
import { play, say, told } from './stage.mjs'

const SETTLED = 300
const SECOND = 1000

const { url, hello, file } = JSON.parse(process.argv[2])

play(async () => {
  // The first request of a process makes the client, which is not the subject.
  await httpGetText(hello)
  const go = told('go')
  say('ready')
  await go
  const onWait = () => {
    say('waiting')
    tellCost()
  }
  try {
    // The settle delay is the same for everyone and would hide how soon waiters are woken.
    await downloadWithLock(url, file, { settleDelay: 0, lockTimeout: 300_000, onWait })
    say('done')
  } catch {
    say('failed')
  }
})

async function tellCost() {
  await sleep(SETTLED)
  const before = process.cpuUsage()
  const started = performance.now()
  await sleep(SECOND)
  const { user, system } = process.cpuUsage(before)
  const seconds = (performance.now() - started) / 1000
  say('waited', { cpu: (user + system) / 1000 / seconds })
}
