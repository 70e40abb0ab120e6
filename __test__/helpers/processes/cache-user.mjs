// Uses caches as some user: `lib/cacache` and HttpClient, one after the other, and reports how each
// call ended.

import { HttpClient } from '@socketsecurity/registry'
import * as cacache from '@socketsecurity/registry/lib/cacache'
import { sleep } from '../support.mjs'
import { job, report } from './lock-child.mjs'

const { uid, umask, caches, url, limit = 10_000 } = job
if (uid) {
  process.setgroups([])
  process.setgid(uid)
  process.setuid(uid)
}
if (umask !== undefined) process.umask(umask)

/** How a call ended; `hung` after a generous time. */
async function ending(call) {
  const timer = new AbortController()
  const hung = sleep(limit, { hung: true }, { signal: timer.signal }).catch(() => {})
  const ended = call.then(
    (value) => ({ value }),
    ({ code, message, path }) => ({ code, message, path }),
  )
  const outcome = await Promise.race([ended, hung])
  timer.abort()
  return outcome
}

async function use(cache) {
  process.env.SOCKET_CACACHE_DIR = cache
  const options = { baseUrl: url, cacheDir: cache, cacheDiskMax: 250, retries: 0 }
  const text = async (call) => {
    const entry = await call
    return entry === undefined ? 'undefined' : `${entry.data}`
  }
  const fetched = []
  for (const kind of ['disk', true]) {
    const client = new HttpClient({ ...options, cache: kind })
    for (const path of ['/a', '/a', '/b']) fetched.push(await ending(client.getText(path)))
    if (job.clears) fetched.push(await ending(client.clearCache('/b').then(() => 'cleared')))
  }
  const get = await ending(text(cacache.get('key')))
  const safeGet = await ending(text(cacache.safeGet('key')))
  const remove = job.clears ? await ending(cacache.remove('other')) : undefined
  const put = await ending(cacache.put('key', 'data'))
  const again = await ending(text(cacache.safeGet('key')))
  const withTmp = await ending(cacache.withTmp(async () => 'done'))
  const clear = job.clears ? await ending(cacache.clear()) : undefined
  return { fetched, get, safeGet, remove, put, again, withTmp, clear }
}

const outcomes = []
for (const cache of caches) outcomes.push(await use(cache))
// Nobody waits for a sweep.
await sleep(300)
report('done', { outcomes })
