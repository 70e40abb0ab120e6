// Writes entries to a cache, with our functions or with those of npm's cacache, as its job says.

import * as ours from '@socketsecurity/registry/lib/cacache'
import npm from 'cacache'
import { job, report } from './lock-child.mjs'

const { cache, writer, who, count } = job
process.env.SOCKET_CACACHE_DIR = cache
const put = writer === 'npm' ? (key, data, options) => npm.put(cache, key, data, options) : ours.put

await Promise.all(
  Array.from({ length: count }, async (_, index) => {
    await put(`${who}:${index}`, `data ${index % 7}`, { metadata: { who, index } })
    await put('common', `from ${who}`, { metadata: { who } })
  }),
)
report('done')
