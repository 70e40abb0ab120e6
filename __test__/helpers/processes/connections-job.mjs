// Downloads a list of files, some at once, and reports each as it ends. Whoever runs it may kill it
// at any time.

import { httpDownload } from '@socketsecurity/registry'
import { job, report } from './lock-child.mjs'

const { downloads, atOnce } = job
let next = 0

async function worker() {
  while (next < downloads.length) {
    const { id, url, destPath, options } = downloads[next++]
    try {
      const { size, resumedFrom } = await httpDownload(url, destPath, options)
      report('done', { id, size, resumedFrom })
    } catch (error) {
      report('failed', { id, message: error.message, code: error.code })
    }
  }
}

await Promise.all(Array.from({ length: atOnce }, worker))
report('end')
process.exit()
