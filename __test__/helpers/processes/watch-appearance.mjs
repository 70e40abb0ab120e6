// Looks at a path without a pause until a file is there, and reports its mode and size at that very
// moment. With `not` it waits for a file with another inode.

import { statSync } from 'node:fs'
import { job, report } from './lock-child.mjs'

const deadline = Date.now() + 15_000
for (let looks = 0; ; looks += 1) {
  // Under way, also on a busy machine.
  if (looks === 20) report('watching')
  const stats = statSync(job.path, { throwIfNoEntry: false })
  if (stats && stats.ino !== job.not) {
    report('appeared', { mode: stats.mode & 0o7777, size: stats.size, looks })
    break
  }
  if (Date.now() > deadline) break
}
