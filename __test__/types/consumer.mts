// What TypeScript callers write; compiled, not run.

import {
  type DownloadWithLockOptions,
  downloadWithLock as fromRoot,
  type HttpDownloadOptions,
  type HttpDownloadResult,
  type HttpRequestOptions,
  type HttpResponse,
} from '@socketsecurity/registry'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import {
  httpDownload,
  httpGetJson,
  httpGetText,
  httpRequest,
} from '@socketsecurity/registry/lib/http-request'

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

// @ts-expect-error a number is no URL
await httpRequest(5)
// @ts-expect-error retries is a number
await httpGetText('http://localhost/', { retries: '3' })
// @ts-expect-error a download needs a destination
await httpDownload('http://localhost/')

export { bytes, cookies, copy, file, page, path, release, same, size, text, typed, unknownJson }
