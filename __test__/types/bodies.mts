// Headers and bodies as TypeScript callers pass them. Compiled, not run.

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { ReadableStream as WebStream } from 'node:stream/web'
import {
  type ChecksumFile,
  type FetchChecksumFileOptions,
  fetchChecksumFile,
  type HttpHeaderValue,
  type HttpHookRequestInfo,
  type HttpHookResponseInfo,
  type HttpRequestBody,
  type HttpRequestHeaders,
  httpRequest,
  type IncomingRequest,
  type IncomingResponse,
  readIncomingResponse,
} from '@socketsecurity/registry/lib/http-request'
import type { HttpHookRequestInfo as Told } from '@socketsecurity/registry/lib/http-request/request-types'
import type { IncomingResponse as Message } from '@socketsecurity/registry/lib/http-request/response-types'

declare const incoming: IncomingHttpHeaders
declare const outgoing: Record<string, string | undefined>
declare const node: OutgoingHttpHeaders
declare const message: IncomingResponse & Message & IncomingRequest

export const headers: HttpRequestHeaders[] = [
  { accept: 'text/plain', 'x-count': 5, 'x-flag': true, 'x-list': ['a', 1], 'x-none': undefined },
  new Headers({ accept: 'text/plain' }),
  new Map([['accept', 'text/plain']]),
  new Map<string, HttpHeaderValue>([['x-count', 5]]),
  [['accept', 'text/plain']],
  Object.entries({ accept: 'text/plain' }),
  incoming,
  outgoing,
  node,
]

async function* generate() {
  yield 'text'
}

export const bodies: HttpRequestBody[] = [
  'text',
  Buffer.from('text'),
  new Uint8Array(1),
  new Float64Array(1),
  new DataView(new ArrayBuffer(1)),
  new ArrayBuffer(1),
  new SharedArrayBuffer(1),
  new URLSearchParams(),
  new Blob([]),
  new FormData(),
  Readable.from(['a']),
  new WebStream(),
  new Response('text').body ?? 'text',
  generate(),
]
for (const body of bodies) await httpRequest('http://localhost/', { method: 'POST', body })

const hooks = {
  onRequest: ({ method, timeout }: HttpHookRequestInfo & Told) => [method, timeout],
  onResponse: ({ status, error }: HttpHookResponseInfo) => status ?? error,
}
const options: FetchChecksumFileOptions = { hooks, retries: 1 }
export const sums: ChecksumFile = await fetchChecksumFile('http://localhost/', options)
export const { status } = await readIncomingResponse(message)

// A callback may be an async function.
await httpRequest('http://localhost/', { retries: 1, onRetry: async () => false })
// @ts-expect-error null is no value of a field
await httpRequest('http://localhost/', { headers: { accept: null } })
// @ts-expect-error an object is no body
await httpRequest('http://localhost/', { body: {} })
