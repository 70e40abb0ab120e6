// Programs as TypeScript callers write them; compiled, not run.

import { PassThrough, Readable } from 'node:stream'
import {
  type DownloadWithLockOptions,
  downloadWithLock as fromRoot,
  type HttpDownloadOptions,
  type HttpDownloadResult,
  type HttpRequestOptions,
  type HttpResponse,
} from '@socketsecurity/registry'
import {
  downloadWithLock,
  type WarmCacheEntry,
  type WarmCacheResult,
  warmCache,
} from '@socketsecurity/registry/lib/download-lock'
import {
  HttpResponseError,
  httpDownload,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
  httpText,
} from '@socketsecurity/registry/lib/http-request'
import { parseChecksumFile } from '@socketsecurity/registry/lib/http-request/checksum-file'
import type { HttpDownloadResult as Result } from '@socketsecurity/registry/lib/http-request/download-types'
import { enrichErrorMessage } from '@socketsecurity/registry/lib/http-request/errors'
import { parseRetryAfterHeader } from '@socketsecurity/registry/lib/http-request/headers'
import type { HttpRequestOptions as Options } from '@socketsecurity/registry/lib/http-request/request-types'
import { decodeBody } from '@socketsecurity/registry/lib/http-request/response-reader'
import type { HttpResponse as Received } from '@socketsecurity/registry/lib/http-request/response-types'
import {
  buildUserAgent,
  chainUserAgents,
} from '@socketsecurity/registry/lib/http-request/user-agent'

interface Release {
  tag: string
}

const maybe: number | undefined = process.argv.length > 2 ? 1000 : undefined

// `undefined` is the default, also under exactOptionalPropertyTypes.
const request: HttpRequestOptions = {
  method: 'POST',
  headers: { accept: 'application/json' },
  body: Buffer.from('{}'),
  followRedirects: true,
  maxRedirects: maybe,
  retries: maybe,
  retryDelay: maybe,
  timeout: maybe,
  transport: 'node',
}
const response: HttpResponse = await httpRequest(new URL('http://localhost/'), request)
const release: Release = response.json<Release>()
const unknownJson: unknown = response.json()
const cookies: string[] | undefined = response.headers['set-cookie']
const bytes: Buffer = response.body
const copy: ArrayBuffer = response.arrayBuffer()
const text: string = response.text()

const typed: Release = await httpGetJson<Release>('http://localhost/')
const page: string = await httpGetText('http://localhost/', undefined)

const download: HttpDownloadOptions = {
  onProgress: (downloaded, total) => console.log(downloaded / total),
  retries: maybe,
}
const file: HttpDownloadResult = await httpDownload('http://localhost/', 'file', download)
const locked: DownloadWithLockOptions = {
  ...download,
  lockTimeout: maybe,
  staleTimeout: maybe,
  pollInterval: maybe,
  locksDir: 'locks',
  settleDelay: 0,
}
const { path, size }: { path: string; size: number } = await downloadWithLock(
  'http://localhost/',
  'file',
  locked,
)
const same: typeof downloadWithLock = fromRoot

// Options of later callers.
const { rawResponse } = await httpRequest('http://localhost/', {
  stream: true,
  body: Readable.from(['a']),
  ca: ['pem'],
  proxy: false,
  hooks: { onRequest: ({ url }) => console.log(url), onResponse: async ({ status }) => status },
  onRetry: (attempt, error, delay) => (error.message === '' ? false : delay * attempt),
  maxResponseSize: maybe,
  connectTimeout: maybe,
  idleTimeout: maybe,
  throwOnError: true,
  signal: AbortSignal.timeout(5),
})
const statusCode: number | undefined =
  rawResponse?.pipe(new PassThrough()) && rawResponse.statusCode
await httpDownload('http://localhost/', 'file', { logger: console, progressInterval: 5 })
const recovered: Release = await httpJson<Release>('http://localhost/').catch((error: unknown) => {
  if (error instanceof HttpResponseError) return error.response.json<Release>()
  throw error
})
const sums: Record<string, string> = parseChecksumFile(await httpText('http://localhost/'))
const wait: number | undefined = parseRetryAfterHeader(['1'])
const agent: string = chainUserAgents(buildUserAgent({ name: 'a', version: '1' }), undefined)
const shown: string = enrichErrorMessage('http://localhost/', 'GET', new Error(text))
const decoded: Buffer = await decodeBody(bytes, 'gzip')
const types: [Options, Received, Result] = [request, response, file]

// @ts-expect-error a number is no URL
await httpRequest(5)
// @ts-expect-error retries is a number
await httpGetText('http://localhost/', { retries: '3' })
// @ts-expect-error a download needs a destination
await httpDownload('http://localhost/')

export {
  agent,
  bytes,
  cookies,
  copy,
  decoded,
  file,
  page,
  path,
  recovered,
  release,
  same,
  shown,
  size,
  statusCode,
  sums,
  text,
  typed,
  types,
  unknownJson,
  wait,
}

const warmed: WarmCacheEntry[] = [
  { url: new URL('http://localhost/tool'), destPath: 'tool', mode: 0o755, sha256: undefined },
]
const results: WarmCacheResult[] = await warmCache(new Set(warmed), {
  concurrency: maybe,
  retries: 3,
  maxBytesPerSecond: maybe,
  signal: AbortSignal.timeout(1000),
  onEntry: ({ status }, index) => console.log(index, status),
  onProgress: (downloaded, total) => console.log(downloaded / total),
})
const failures: (string | undefined)[] = results
  .filter(({ status }) => status === 'failed')
  .map(({ error }) => error?.code)
failures.sort()
