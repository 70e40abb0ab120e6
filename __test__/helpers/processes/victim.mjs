// Downloads everything that its job says, at once, as the user that its job says, and reports how
// each ended. It ends by itself: no thread is left behind in an open or a read.

import { downloadWithLock, httpDownload } from '@socketsecurity/registry'
import { job, report } from './lock-child.mjs'

const functions = { httpDownload, downloadWithLock }
const { uid, calls, umask } = job
if (uid) {
  process.setgroups([])
  process.setgid(uid)
  process.setuid(uid)
}
if (umask !== undefined) process.umask(umask)

const outcomes = await Promise.all(
  calls.map(async ({ how, url, destPath, options }) => {
    const started = performance.now()
    const took = () => performance.now() - started
    try {
      const { size } = await functions[how](url, destPath, options)
      return { size, took: took() }
    } catch (error) {
      const { message, code, path } = error
      return { failed: message, code, path, took: took() }
    }
  }),
)
report('done', { outcomes })
