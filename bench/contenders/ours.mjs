import { httpDownload, httpGetJson } from '../../lib/http-request.js'

export const name = '@socketsecurity/registry'
export const kind = 'ours'

export const json = (url) => httpGetJson(url)

export const jsonOverH2 = json

export const download = (url, file) => httpDownload(url, file)

export const verified = (url, file, sha256) => httpDownload(url, file, { sha256 })
