// Downloads with the lock and says what came of it. It ends when it has nothing left to do.

import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { job, report, reportFailure, waitForGo } from './lock-child.mjs'
import { hashOf } from './lock-stage.mjs'

if (job.waitForGo) await waitForGo()

const options = { ...job.options }
if (job.reportProgress) {
  options.onProgress = (downloaded, total) => report('progress', { downloaded, total })
}

report('calling')
downloadWithLock(job.url, job.destPath, options).then(({ path, size }) => {
  report('done', { path, size, sha256: hashOf(path) })
}, reportFailure)
