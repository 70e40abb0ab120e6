// Many callers of one destination in one process, which all wait. Reports how much processor time
// this process has used between two lines on its standard input.

import { once } from 'node:events'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { job, report, reportFailure } from './lock-child.mjs'

let waiting = 0
const onWait = () => {
  waiting += 1
  if (waiting === job.callers) report('waiting')
}
const calls = Array.from({ length: job.callers }, () =>
  downloadWithLock(job.url, job.destPath, { ...job.options, onWait }),
)

await once(process.stdin, 'data')
const before = process.cpuUsage()
await once(process.stdin, 'data')
const { user, system } = process.cpuUsage(before)
report('used', { milliseconds: (user + system) / 1000 })
process.stdin.destroy()

try {
  const results = await Promise.all(calls)
  report('done', { sizes: results.map(({ size }) => size) })
} catch (error) {
  reportFailure(error)
}
