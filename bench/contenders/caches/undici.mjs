import { Agent, cacheStores, interceptors, request } from 'undici'

/** Room for all that is asked for. */
export function memory() {
  const store = new cacheStores.MemoryCacheStore({ maxCount: 100_000, maxSize: 256 << 20 })
  const dispatcher = new Agent().compose(interceptors.cache({ store }))
  return async (url) => (await request(url, { dispatcher })).body.json()
}
