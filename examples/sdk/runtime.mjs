// A runtime that an SDK needs: downloaded once for all processes, with its progress.

import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'

/**
 * @param {string} url
 * @param {string} path
 * @param {(line: string) => void} [print]
 */
export async function downloadRuntime(url, path, print = console.log) {
  let printed = 0
  return downloadWithLock(url, path, {
    retries: 3,
    retryDelay: 1000,
    lockTimeout: 120_000, // while another process downloads
    timeout: 300_000, // one attempt
    onProgress(downloaded, total) {
      const percent = Math.floor((downloaded / total) * 10) * 10
      if (percent <= printed) return
      printed = percent
      print(`Downloaded ${percent} %`)
    },
  })
}
