// Option A: the functions that an SDK sends with keep their signatures, and take `retries`.

import { HttpClient } from '@socketsecurity/registry/lib/http-client'

/** @typedef {import('@socketsecurity/registry/lib/http-client').HttpClientRequestOptions} Options */

/** One client for each API. It decides which requests may be retried. */
const clients = new Map()

/** @param {string} baseUrl */
function clientOf(baseUrl) {
  const known = clients.get(baseUrl)
  if (known) return known
  const client = new HttpClient({ baseUrl, retries: 0 })
  clients.set(baseUrl, client)
  return client
}

/**
 * @param {string} baseUrl
 * @param {string} urlPath
 * @param {Options} [options]
 */
export function createGetRequest(baseUrl, urlPath, options) {
  return clientOf(baseUrl).request(urlPath, { ...options, method: 'GET' })
}

/**
 * @param {string} baseUrl
 * @param {string} urlPath
 * @param {Options} [options]
 */
export function createDeleteRequest(baseUrl, urlPath, options) {
  return clientOf(baseUrl).request(urlPath, { ...options, method: 'DELETE' })
}

/**
 * @param {'POST' | 'PUT' | 'PATCH'} method
 * @param {string} baseUrl
 * @param {string} urlPath
 * @param {unknown} json
 * @param {Options} [options]
 */
export function createRequestWithJson(method, baseUrl, urlPath, json, options) {
  return clientOf(baseUrl).request(urlPath, {
    ...options,
    method,
    body: JSON.stringify(json),
    headers: { 'content-type': 'application/json', ...options?.headers },
  })
}
