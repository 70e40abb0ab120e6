// One of many machines: waits for the word, downloads, and reports.

import { once } from 'node:events'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { job, report } from './lock-child.mjs'
import { hashOf } from './lock-stage.mjs'

const { url, destPath, sha256, mirrors } = job
process.env.SOCKET_DOWNLOAD_MIRRORS = mirrors
report('ready')
await once(process.stdin, 'data')
process.stdin.destroy()
try {
  const { source, resumedFrom } = await downloadWithLock(url, destPath, {
    sha256,
    retries: 1,
    retryDelay: 50,
    idleTimeout: 60_000,
    onProgress: (downloaded, total) => {
      if (downloaded > total / 4) report('quarter')
    },
  })
  report('done', { source, resumedFrom, sha256: hashOf(destPath) })
} catch ({ message, code }) {
  report('failed', { message, code })
}
