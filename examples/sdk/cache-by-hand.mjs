// A cache by hand: an SDK that stores what it likes, and decides itself how long it is fresh.

import { put, safeGet } from '@socketsecurity/registry/lib/cacache'

/**
 * @template T
 * @param {string} key
 * @param {number} ttl ms for which a value is fresh
 * @param {() => Promise<T>} fetchValue
 * @returns {Promise<T>}
 */
export async function cached(key, ttl, fetchValue) {
  const entry = await safeGet(key)
  if (entry && Date.now() - timeOf(entry) < ttl) {
    return JSON.parse(entry.data.toString())
  }
  const value = await fetchValue()
  await put(key, JSON.stringify(value), { metadata: { timestamp: Date.now() } })
  return value
}

/** @param {import('@socketsecurity/registry/lib/cacache').CacacheEntry} entry */
function timeOf(entry) {
  const { timestamp } = /** @type {{ timestamp: number }} */ (entry.metadata)
  return timestamp
}
