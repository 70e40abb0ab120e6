// Calls of HttpClient and lib/cacache as TypeScript callers write them. Compiled, not run.

import type { HttpResponse } from '@socketsecurity/registry'
import { HttpClient as fromRoot } from '@socketsecurity/registry'
import {
  type CacacheEntry,
  clear,
  get,
  put,
  remove,
  safeGet,
  withTmp,
} from '@socketsecurity/registry/lib/cacache'
import {
  HttpClient,
  type HttpClientMetrics,
  type HttpClientOptions,
  type HttpClientRequestOptions,
} from '@socketsecurity/registry/lib/http-client'

interface Quota {
  quota: number
}

const maybe: number | undefined = process.argv.length > 2 ? 1000 : undefined

// `undefined` is the default, also under exactOptionalPropertyTypes.
const options: HttpClientOptions = {
  baseUrl: new URL('http://localhost/'),
  headers: { authorization: 'x' },
  retries: maybe,
  cache: 'disk',
  cacheTtl: { default: maybe, '/quota': 0 },
  staleIfError: maybe,
  hooks: { onRequest: ({ method }) => method },
}
const client: HttpClient = new HttpClient(options)
new fromRoot({ cacheTtl: 1, cache: true })
new fromRoot()

const call: HttpClientRequestOptions = { idempotent: true, cache: false, retries: 0 }
const response: HttpResponse = await client.request('/', call)
const quota: Quota = await client.getJson<Quota>('/quota')
const text: string = await client.getText('/', null)
const made: Quota = await client.sendJson<Quota>('POST', '/', { name: 'x' }, call)
await client.sendJson('DELETE', '/')
const { size }: { size: number } = await client.download('/', 'file', { sha256: '0' })
await client.downloadWithLock('/', 'file', { lockTimeout: 1 })
const removed: number = await client.clearCache('/quota')
const flushed: Promise<void> = client.flush()
const metrics: HttpClientMetrics = client.metrics()
const hits: number = metrics.memoryHits

const integrity: string = await put('key', Buffer.from(''), { metadata: { a: 1 } })
const entry: CacacheEntry = await get('key')
const maybeEntry: CacacheEntry | undefined = await safeGet('key')
const metadata: unknown = entry.metadata
await remove('key')
const count: number = await clear({ prefix: 'k*' })
const listed: string[] = await withTmp(async (directory) => [directory])

// @ts-expect-error a place that is none
new HttpClient({ cache: 'everywhere' })
// @ts-expect-error a key is a string
await get(1)

export {
  count,
  flushed,
  hits,
  integrity,
  listed,
  made,
  maybeEntry,
  metadata,
  quota,
  removed,
  response,
  size,
  text,
}
