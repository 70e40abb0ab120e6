import { httpDownload } from '../../lib/http-request.js'

export const name = '@socketsecurity/registry, maxBytesPerSecond'
export const kind = 'ours'

export const cannot = { json: 'a way to download', jsonOverH2: 'a way to download' }

/** By default a limit that no disk and no loopback reaches, so that only its cost is left. */
export const download = (url, file, _sha256, { rate = 1e11 } = {}) =>
  httpDownload(url, file, { maxBytesPerSecond: rate })

export const verified = (url, file, sha256, { rate = 1e11 } = {}) =>
  httpDownload(url, file, { maxBytesPerSecond: rate, sha256 })
