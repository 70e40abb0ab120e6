// Option B: the SDK is a class. Its options set the retries, and how long responses are cached.

import { HttpClient } from '@socketsecurity/registry/lib/http-client'

/**
 * @typedef {object} SdkOptions
 * @property {string} [baseUrl]
 * @property {number} [retries] attempts after the first
 * @property {number} [retryDelay] ms before the first of them; doubles
 * @property {boolean} [cache] whether responses are cached, in memory and on disk
 * @property {number | Record<string, number>} [cacheTtl] ms, for all paths or by their beginning
 * @property {number} [staleIfError] ms for which an expired response is used when there is no network
 * @property {string} [cacheDir]
 */

export class Sdk {
  #client

  /**
   * @param {string} token
   * @param {SdkOptions} [options]
   */
  constructor(token, options = {}) {
    this.#client = new HttpClient({
      baseUrl: 'https://api.example.com/v0',
      ...options,
      headers: { authorization: `Bearer ${token}` },
    })
  }

  getQuota() {
    return this.#client.getJson('/quota')
  }

  /** @param {string} name */
  getPackage(name) {
    return this.#client.getJson(`/packages/${encodeURIComponent(name)}`)
  }

  /** @param {{ name: string }} scan */
  createScan(scan) {
    return this.#client.sendJson('POST', '/scans', scan)
  }

  /** @param {string} id */
  deleteScan(id) {
    return this.#client.sendJson('DELETE', `/scans/${encodeURIComponent(id)}`)
  }

  /** @param {string} [prefix] a path; `*` is anything */
  clearCache(prefix) {
    return this.#client.clearCache(prefix)
  }

  metrics() {
    return this.#client.metrics()
  }
}
