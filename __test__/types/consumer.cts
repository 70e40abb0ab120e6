// The same package for CommonJS callers; compiled, not run.

import lock = require('@socketsecurity/registry/lib/download-lock')
import http = require('@socketsecurity/registry/lib/http-request')
import sums = require('@socketsecurity/registry/lib/http-request/checksum-file')
import requests = require('@socketsecurity/registry/lib/http-request/request')

const page: Promise<string> = http.httpGetText('http://localhost/')
const file: Promise<http.HttpDownloadResult> = lock.downloadWithLock('http://localhost/', 'file')
const digests: Promise<Record<string, string>> = sums.fetchChecksumFile('http://localhost/')
const text: Promise<string> = requests.httpGetText('http://localhost/')

export { digests, file, page, text }
