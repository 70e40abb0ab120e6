// One download of any URL, with the lock, with retries and with a bar.

import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { createDisplay, megabytes } from './display.mjs'

export async function one(url, destPath) {
  const display = createDisplay(['download'])
  const started = performance.now()
  try {
    const result = await downloadWithLock(url, destPath, {
      retries: 2,
      retryDelay: 200,
      onProgress: (downloaded, total) => display.show(0, 'downloads', downloaded, total),
    })
    const seconds = (performance.now() - started) / 1000
    const sha256 = result.sha256
    display.stop()
    console.log(`path      ${result.path}`)
    console.log(`size      ${result.size} bytes (${megabytes(result.size)})`)
    console.log(`sha-256   ${sha256}`)
    console.log(`duration  ${seconds.toFixed(2)} s`)
    return true
  } catch (error) {
    display.stop()
    console.error(error.message)
    if (error.code) console.error(`code: ${error.code}`)
    return false
  }
}
