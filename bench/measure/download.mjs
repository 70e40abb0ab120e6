// One download: a small one first, for warming up, whose bytes are checked, then the timed one.

import { rmSync } from 'node:fs'
import { checkBytes, checkSize } from './check.mjs'
import { meter } from './meter.mjs'
import { report } from './report.mjs'

const { id, method, small, large, file, thorough, settings } = JSON.parse(process.argv[2])
const { [method]: get } = await import(`../contenders/${id}.mjs`)

await get(small.url, file, small.sha256, settings)
checkBytes(file, small)
rmSync(file)

const stop = meter()
await get(large.url, file, large.sha256, settings)
const cost = stop()

checkSize(file, large)
if (thorough) checkBytes(file, large)
rmSync(file)
report(cost)
