import { httpDownload } from '../../lib/http-request.js'

export const name = '@socketsecurity/registry, connections'
export const kind = 'ours'

export const cannot = { json: 'a way to download', jsonOverH2: 'a way to download' }

export const download = (url, file, _sha256, { connections = 8 } = {}) =>
  httpDownload(url, file, { connections })

export const verified = (url, file, sha256, { connections = 8 } = {}) =>
  httpDownload(url, file, { connections, sha256 })
