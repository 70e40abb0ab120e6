import { downloadFile } from 'ipull'
import { verifyAfterwards } from '../verification.mjs'

export const name = 'ipull'
export const kind = 'npm'

export const cannot = { json: 'a downloader', jsonOverH2: 'a downloader' }

/** With its default of parallel connections. */
export async function download(url, file) {
  const engine = await downloadFile({ url, savePath: file, cliProgress: false })
  await engine.download()
}

export async function verified(url, file, sha256) {
  await download(url, file)
  await verifyAfterwards(file, sha256)
}
