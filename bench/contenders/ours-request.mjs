// As a caller who looks at the status himself.

import { httpRequest } from '../../lib/http-request.js'

export const name = '@socketsecurity/registry, httpRequest'
export const kind = 'ours'

export const json = async (url) => (await httpRequest(url)).json()

export const jsonOverH2 = json

export const cannot = { download: 'the same httpDownload', verified: 'the same httpDownload' }
