// Option B: the SDK is a class. Its options set the retries, and how long responses are cached.

import { HttpClient } from '@socketsecurity/registry/lib/http-client'
import { basicAuthHeader } from '@socketsecurity/registry/lib/http-request/headers'

/**
 * @typedef {object} SdkOptions
 * @property {string} [baseUrl]
 * @property {number} [timeout] ms of one attempt
 * @property {number} [retries] attempts after the first
 * @property {number} [retryDelay] ms before the first of them; doubles
 * @property {boolean} [cache] whether responses are cached, in memory and on disk
 * @property {number | Record<string, number>} [cacheTtl] ms, for all paths or by their beginning
 * @property {number} [staleIfError] ms for which an expired response is used in an outage
 * @property {string} [cacheDir]
 */

export class SocketSdk {
  #client

  /**
   * @param {string} token
   * @param {SdkOptions} [options]
   */
  constructor(
    token,
    {
      baseUrl = 'https://api.socket.dev/v0',
      timeout = 30_000,
      retries = 3,
      retryDelay = 1000,
      cache = false,
      cacheTtl = 300_000,
      ...more
    } = {},
  ) {
    const headers = { authorization: basicAuthHeader(token) }
    const settings = { baseUrl, timeout, retries, retryDelay, cache, cacheTtl, headers }
    this.#client = new HttpClient({ ...more, ...settings })
  }

  /** @param {string} pkg */
  getPackageInfo(pkg) {
    return this.#client.getJson(`${pathOf(pkg)}info`)
  }

  /** @param {string} pkg */
  getPackageScorecard(pkg) {
    return this.#client.getJson(`${pathOf(pkg)}scorecard`)
  }

  getQuota() {
    return this.#client.getJson('/quota')
  }

  /**
   * Removes cached responses: those of one package, or all. Returns their number.
   * @param {string} [pkg]
   */
  clearCache(pkg) {
    return this.#client.clearCache(pkg && pathOf(pkg))
  }

  metrics() {
    return this.#client.metrics()
  }
}

/**
 * The path of all that concerns a package. It ends in a slash, so that `lodash` is no beginning of
 * `lodash.merge`, and has no `*`, which `clearCache` takes for a wildcard.
 * @param {string} pkg
 */
function pathOf(pkg) {
  return `/packages/${encodeURIComponent(pkg).replaceAll('*', '%2A')}/`
}
