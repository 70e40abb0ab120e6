import { basename, dirname } from 'node:path'
import { DownloaderHelper } from 'node-downloader-helper'
import { verifyAfterwards } from '../verification.mjs'

export const name = 'node-downloader-helper'
export const kind = 'npm'

export const cannot = { json: 'a downloader', jsonOverH2: 'a downloader' }

export function download(url, file) {
  return new Promise((resolve, reject) => {
    const helper = new DownloaderHelper(url, dirname(file), { fileName: basename(file) })
    helper.on('end', resolve).on('error', reject)
    helper.start().catch(reject)
  })
}

export async function verified(url, file, sha256) {
  await download(url, file)
  await verifyAfterwards(file, sha256)
}
