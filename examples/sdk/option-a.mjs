// Option A: the functions that an SDK sends with stay as they are, and each has a sister that
// retries.

import { HttpClient } from '@socketsecurity/registry/lib/http-client'

/**
 * @typedef {import('@socketsecurity/registry/lib/http-client').HttpClientRequestOptions} Options
 */

/** One client for each API. It decides which requests may be retried. */
const clients = new Map()

/** @param {string} baseUrl */
function clientOf(baseUrl) {
  const known = clients.get(baseUrl)
  if (known) return known
  const client = new HttpClient({ baseUrl, retries: 0, retryDelay: 1000 })
  clients.set(baseUrl, client)
  return client
}

/**
 * @param {string} baseUrl
 * @param {string} urlPath
 * @param {Options} [options]
 */
export function createGetRequest(baseUrl, urlPath, options) {
  return createGetRequestWithRetry(baseUrl, urlPath, { ...options, retries: 0 })
}

/**
 * @param {string} baseUrl
 * @param {string} urlPath
 * @param {Options} [options] with `retries` (0) and `retryDelay` (1000 ms, doubling)
 */
export function createGetRequestWithRetry(baseUrl, urlPath, options) {
  return clientOf(baseUrl).request(urlPath, { ...options, method: 'GET' })
}

/**
 * @param {string} baseUrl
 * @param {string} urlPath
 * @param {Options} [options]
 */
export function createDeleteRequest(baseUrl, urlPath, options) {
  return createDeleteRequestWithRetry(baseUrl, urlPath, { ...options, retries: 0 })
}

/**
 * @param {string} baseUrl
 * @param {string} urlPath
 * @param {Options} [options] with `retries` (0) and `retryDelay` (1000 ms, doubling)
 */
export function createDeleteRequestWithRetry(baseUrl, urlPath, options) {
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
  return createRequestWithJsonWithRetry(method, baseUrl, urlPath, json, { ...options, retries: 0 })
}

/**
 * @param {'POST' | 'PUT' | 'PATCH'} method
 * @param {string} baseUrl
 * @param {string} urlPath
 * @param {unknown} json
 * @param {Options} [options] with `retries` (0) and `retryDelay` (1000 ms, doubling)
 */
export function createRequestWithJsonWithRetry(method, baseUrl, urlPath, json, options) {
  // A Blob brings its Content-Type, unless the caller sets one.
  const body = new Blob([JSON.stringify(json)], { type: 'application/json' })
  return clientOf(baseUrl).request(urlPath, { ...options, method, body })
}
