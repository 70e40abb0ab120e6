// One of several processes. Waits for the word, downloads with the lock, and tells how it goes.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'

const [url, destPath, options = '{}'] = process.argv.slice(2)

process.once('message', async () => {
  try {
    const { path, source } = await downloadWithLock(url, destPath, {
      retries: 2,
      retryDelay: 200,
      mode: 0o755,
      ...JSON.parse(options),
      onProgress: (downloaded) => process.send({ downloaded }),
    })
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex')
    process.send({ sha256, source })
  } catch ({ message, code }) {
    process.send({ failure: code ? `${message} (${code})` : message })
  }
})
process.send({ pid: process.pid })
