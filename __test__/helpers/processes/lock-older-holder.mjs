// A holder of the older JavaScript kind: it owns the lock by having created the file, and frees
// it by deleting the file. When told to, it publishes `content` (if any) and lets go.

import { once } from 'node:events'
import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { job, report } from './lock-child.mjs'

const { lock, url, destPath, content } = job
mkdirSync(dirname(lock), { recursive: true })
const holder = { pid: process.pid, startTime: Date.now(), url }
writeFileSync(lock, JSON.stringify(holder), { flag: 'wx' })
report('holding')
await once(process.stdin, 'data')
if (content) writeFileSync(destPath, content)
unlinkSync(lock)
report('released')
process.stdin.destroy()
