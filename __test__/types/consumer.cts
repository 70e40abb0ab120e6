// The same package for CommonJS callers; compiled, not run.

import lock = require('@socketsecurity/registry/lib/download-lock')
import http = require('@socketsecurity/registry/lib/http-request')

const page: Promise<string> = http.httpGetText('http://localhost/')
const file: Promise<http.HttpDownloadResult> = lock.downloadWithLock('http://localhost/', 'file')

export { file, page }
