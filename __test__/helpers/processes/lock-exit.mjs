// Calls process.exit(7), when told to, while its call is still pending.

import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { job, report, reportFailure } from './lock-child.mjs'

process.stdin.once('data', () => process.exit(7))
report('calling')
downloadWithLock(job.url, job.destPath, job.options).then(() => report('done'), reportFailure)
