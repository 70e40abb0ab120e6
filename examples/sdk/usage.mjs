// All of it at work, against an API on the loopback.
//
//   node examples/sdk/usage.mjs

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFakeApi } from './fake-api.mjs'
import { createGetRequest, createGetRequestWithRetry, createRequestWithJson } from './option-a.mjs'
import { SocketSdk } from './option-b.mjs'
import { downloadRuntime } from './runtime.mjs'

const api = await startFakeApi()
const directory = mkdtempSync(join(tmpdir(), 'sdk-example-'))
process.env.SOCKET_CACACHE_DIR = join(directory, 'cache')
// After the variable: it is the directory of the cache by hand.
const { cached } = await import('./cache-by-hand.mjs')

/**
 * Runs a step, and prints how many requests the API received.
 * @param {string} title
 * @param {() => Promise<unknown>} step
 */
async function show(title, step) {
  api.requests.length = 0
  const result = await step()
  console.log(
    `${title}: ${JSON.stringify(result)}; the API received ${api.requests.length} requests`,
  )
}

// Option A: the same functions, and others with retries.
await show('A call as before', async () => {
  const response = await createGetRequest(api.url, '/quota')
  return response.status
})
api.failures = 2
await show('A call with retries', async () => {
  const response = await createGetRequestWithRetry(api.url, '/quota', { retries: 3 })
  return response.status
})
await show('A POST', async () => {
  const response = await createRequestWithJson('POST', api.url, '/scans', { name: 'main' })
  return response.json()
})

// Option B: retries by configuration.
const sdk = new SocketSdk('token', { baseUrl: api.url, retries: 3, retryDelay: 100 })
/** @param {string} pkg */
async function scorecardOf(pkg) {
  try {
    return await sdk.getPackageScorecard(pkg)
  } catch (error) {
    if (error.response?.status === 404) return 'There is no such package'
    return `Failed after retries: ${error.message}`
  }
}
api.failures = 2
await show('A scorecard that fails twice', () => scorecardOf('lodash'))
await show('A package that is unknown', () => scorecardOf('unknown'))
api.failures = 4
await show('A scorecard that fails too often', () => scorecardOf('lodash'))
api.failures = 0

// Cached responses. Their lifetime may depend on the path.
const cacheDir = join(directory, 'responses')
const caching = new SocketSdk('token', {
  baseUrl: api.url,
  cache: true,
  cacheDir,
  cacheTtl: { default: 300_000, '/quota': 0 },
})
const packages = ['lodash', 'lodash.merge', '@types/node', 'express']
const all = () => Promise.all(packages.map((pkg) => caching.getPackageInfo(pkg)))
await show('Many packages', async () => (await all()).length)
await show('The same again', async () => (await all()).length)
await show('After clearCache of one', async () => {
  await caching.clearCache('lodash')
  return (await all()).length
})
await show('A query that is always revalidated', async () => {
  await caching.getQuota()
  return caching.getQuota()
})

// A cache by hand.
await show('A cache by hand', async () => {
  const fetchInfo = () => sdk.getPackageInfo('lodash')
  await cached('info:lodash', 60_000, fetchInfo)
  return cached('info:lodash', 60_000, fetchInfo)
})

// A runtime, once for all processes.
await show('A runtime', async () => {
  const { size } = await downloadRuntime(`${api.url}/runtime`, join(directory, 'runtime'))
  return size
})

// An expired response is better than none.
const offline = new SocketSdk('token', {
  baseUrl: api.url,
  retries: 1,
  retryDelay: 10,
  cache: true,
  cacheDir,
  cacheTtl: 0,
  staleIfError: 24 * 3_600_000,
})
await api.close()
await show('Without a network', () => offline.getPackageInfo('lodash'))
console.log(`Calls served from the cache for want of a network: ${offline.metrics().stale}`)

rmSync(directory, { recursive: true })
