// Both options at work, against an API on the loopback.
//
//   node examples/sdk/usage.mjs

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFakeApi } from './fake-api.mjs'
import { createGetRequest, createRequestWithJson } from './option-a.mjs'
import { Sdk } from './option-b.mjs'

const api = await startFakeApi()
const cacheDir = mkdtempSync(join(tmpdir(), 'sdk-example-'))

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

// Option A: the same functions, with retries.
api.failures = 2
await show('A call that is repeated', async () => {
  const response = await createGetRequest(api.url, '/quota', { retries: 3 })
  return response.status
})
await show('A POST', async () => {
  const response = await createRequestWithJson('POST', api.url, '/scans', { name: 'main' })
  return response.json()
})

// Option B: retries by configuration.
api.failures = 3
await show('Retries by configuration', () => {
  const sdk = new Sdk('token', { baseUrl: api.url, retries: 5, retryDelay: 100 })
  return sdk.getQuota()
})

// Cached responses. Their lifetime depends on the path.
const cached = new Sdk('token', {
  baseUrl: api.url,
  cache: true,
  cacheDir,
  cacheTtl: { default: 300_000, '/quota': 0 },
})
await show('A repeated query', async () => {
  await cached.getPackage('left-pad')
  return cached.getPackage('left-pad')
})
await show('A query that is always revalidated', async () => {
  await cached.getQuota()
  return cached.getQuota()
})
await show('After clearCache', async () => {
  await cached.clearCache('/packages/')
  return cached.getPackage('left-pad')
})

// An expired response is better than none.
const offline = new Sdk('token', {
  baseUrl: api.url,
  retries: 1,
  retryDelay: 10,
  cache: true,
  cacheDir,
  cacheTtl: 0,
  staleIfError: 24 * 3_600_000,
})
await api.close()
await show('Without a network', () => offline.getPackage('left-pad'))
console.log(`Calls served from the cache for want of a network: ${offline.metrics().stale}`)

rmSync(cacheDir, { recursive: true })
