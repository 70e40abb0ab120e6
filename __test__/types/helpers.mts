// Calls of the helpers and imports of every subpath, as TypeScript callers write them. Compiled,
// not run.

import { get } from 'node:http'
import type * as root from '@socketsecurity/registry'
import * as http from '@socketsecurity/registry/lib/http-request'
import {
  fetchChecksumFile,
  parseChecksumFile,
} from '@socketsecurity/registry/lib/http-request/checksum-file'
import * as download from '@socketsecurity/registry/lib/http-request/download'
import type {
  HttpDownloadOptions,
  HttpDownloadResult,
} from '@socketsecurity/registry/lib/http-request/download-types'
import { enrichErrorMessage } from '@socketsecurity/registry/lib/http-request/errors'
import {
  basicAuthHeader,
  isSensitiveHeaderName,
  parseRetryAfterHeader,
  sanitizeHeaders,
} from '@socketsecurity/registry/lib/http-request/headers'
import * as node from '@socketsecurity/registry/lib/http-request/node'
import * as request from '@socketsecurity/registry/lib/http-request/request'
import type {
  HttpHooks,
  HttpRequestOptions,
} from '@socketsecurity/registry/lib/http-request/request-types'
import {
  decodeBody,
  readIncomingResponse,
} from '@socketsecurity/registry/lib/http-request/response-reader'
import type { HttpResponse } from '@socketsecurity/registry/lib/http-request/response-types'
import {
  buildUserAgent,
  chainUserAgents,
  getSocketCallerUserAgent,
  sanitizeUserAgent,
} from '@socketsecurity/registry/lib/http-request/user-agent'

const options: HttpRequestOptions = { timeout: 5 }
const hooks: HttpHooks = {}
const downloading: HttpDownloadOptions = { retries: 1 }

const parsed: Record<string, string> = parseChecksumFile('')
const sums: Record<string, string> = await fetchChecksumFile(new URL('http://localhost/'), {
  ca: ['PEM'],
  headers: { accept: 'text/plain' },
  timeout: 30_000,
})
const integrity: string | undefined = sums['tool.tgz']
const file: HttpDownloadResult = await download.httpDownload('http://localhost/', 'file', {
  ...downloading,
  integrity,
  mirrors: ['http://localhost/mirror', new URL('http://localhost/')] as const,
})
const source: string | undefined = file.source
console.log(source)

get('http://localhost/', async (message) => {
  const response: HttpResponse = await readIncomingResponse(message)
  const delay: number | undefined = parseRetryAfterHeader(response.headers['retry-after'])
  const safe: Record<string, string> = sanitizeHeaders(message.headers)
  const body: Buffer = await decodeBody(response.body, message.headers['content-encoding'])
  console.log(delay, safe, body)
})

sanitizeHeaders()
sanitizeHeaders({ accept: ['a', null], length: 5 })
sanitizeHeaders(new Headers())
sanitizeHeaders(new Map([['accept', 'a']]))
parseRetryAfterHeader(['1', '2'])
await decodeBody(new Uint8Array(1), undefined)

const secret: boolean = isSensitiveHeaderName('authorization')
const basic: string = basicAuthHeader('token')
const caller: string | undefined = getSocketCallerUserAgent()
const agent: string = buildUserAgent({ name: '@a/b', version: '1.0.0' }, caller)
const chained: string = chainUserAgents(agent, caller, null)
const clean: string = sanitizeUserAgent(chained)

try {
  await request.httpRequest('http://localhost/', options)
} catch (error) {
  const message: string = enrichErrorMessage('http://localhost/', 'GET', error)
  console.error(message)
}

// The same functions everywhere.
const same: [typeof root.httpRequest, typeof root.httpRequest, typeof root.sanitizeHeaders] = [
  node.httpRequest,
  http.httpRequest,
  http.sanitizeHeaders,
]

// @ts-expect-error a checksum file is text
parseChecksumFile(Buffer.from(''))
// @ts-expect-error a token is needed
basicAuthHeader()
// @ts-expect-error an application has a version
buildUserAgent({ name: 'a' })
// @ts-expect-error it is always GET
await fetchChecksumFile('http://localhost/', { method: 'POST' })

export { basic, clean, file, hooks, parsed, same, secret }
