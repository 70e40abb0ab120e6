// A whole download of the older JavaScript kind: create the lock file exclusively, look again,
// fetch, publish, delete the lock file; wait for it otherwise.

import { mkdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { job, report, waitForGo } from './lock-child.mjs'
import { hashOf } from './lock-stage.mjs'

const { lock, url, destPath } = job

await waitForGo()
mkdirSync(dirname(lock), { recursive: true })
while (!isThere()) {
  if (!acquire()) {
    await sleep(20)
    continue
  }
  if (!isThere()) {
    const temporary = `${destPath}.${process.pid}`
    writeFileSync(temporary, await fetchBody())
    renameSync(temporary, destPath)
  }
  unlinkSync(lock)
}
report('done', { sha256: hashOf(destPath) })

function isThere() {
  return (statSync(destPath, { throwIfNoEntry: false })?.size ?? 0) > 0
}

function acquire() {
  const holder = { pid: process.pid, startTime: Date.now(), url }
  try {
    writeFileSync(lock, JSON.stringify(holder), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    removeIfDead()
    return false
  }
}

function removeIfDead() {
  try {
    process.kill(JSON.parse(readFileSync(lock, 'utf8')).pid, 0)
  } catch (error) {
    if (error.code === 'ESRCH') unlinkSync(lock)
  }
}

function fetchBody() {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, async (response) => {
      resolve(Buffer.concat(await response.toArray()))
    }).on('error', reject)
  })
}
