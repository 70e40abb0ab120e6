// Downloads with the lock, then hashes the file, makes it executable and moves it away, as
// programs that install what they download do.

import { chmodSync, renameSync } from 'node:fs'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { job, report, reportFailure, waitForGo } from './lock-child.mjs'
import { hashOf } from './lock-stage.mjs'

await waitForGo()
try {
  await downloadWithLock(job.url, job.destPath, job.options)
  const sha256 = hashOf(job.destPath)
  chmodSync(job.destPath, 0o755)
  renameSync(job.destPath, job.moveTo)
  report('done', { sha256 })
} catch (error) {
  reportFailure(error)
}
