// The workloads, in the order in which they run and are shown. Each is the module of that name.

export const NAMES = [
  'download',
  'download-tls',
  'download-sha256',
  'json',
  'json-first',
  'json-tls',
  'json-h2',
  'json-sequential',
  'json-100k',
  'cache-memory',
  'cache-memory-revalidated',
  'cache-disk',
  'cache-disk-revalidated',
  'retries',
  'cold-start',
  'lock-handoff',
  'require',
  'first-request',
  'size',
  'rate-limited',
  'growth-size',
  'growth-concurrency',
  'growth-waiters',
]

/** A quick run leaves these out, unless they are asked for by `--only`. */
export const LONG = [
  'cache-memory',
  'cache-memory-revalidated',
  'cache-disk',
  'cache-disk-revalidated',
  'rate-limited',
  'growth-size',
  'growth-concurrency',
  'growth-waiters',
]
