// Puts more into a cache than there is room for.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { get, put } from '@socketsecurity/registry/lib/cacache'
import { job, report } from './lock-child.mjs'

process.env.SOCKET_CACACHE_DIR = job.cache
await put('key', 'small')
const codes = []
for (const key of ['key', 'other']) {
  codes.push(await put(key, Buffer.alloc(200_000)).catch(({ code }) => code))
}
const { data } = await get('key')
report('done', { codes, data: `${data}`, left: readdirSync(join(job.cache, 'tmp')) })
