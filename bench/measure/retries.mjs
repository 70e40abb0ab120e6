// Both variants in one process, in many small slices by turns: the difference that is looked for is
// smaller than that between two processes.

import { rmSync } from 'node:fs'
import { median } from 'simple-statistics'
import { httpDownload, httpGetJson } from '../../lib/http-request.js'
import { report } from './report.mjs'

const LANES = 64
const SLICE = 1000

const spec = JSON.parse(process.argv[2])
const json = await overhead(spec.slices, requestsWith)
const download = await overhead(spec.downloads, downloadWith)
report({ json, download })

/** How much longer it takes with retries: 0.01 is one per cent. */
async function overhead(times, run) {
  const timed = async (retries) => {
    const started = performance.now()
    await run(retries)
    return performance.now() - started
  }
  for (const retries of [0, 3, 0, 3]) await run(retries)
  const ratios = []
  for (let time = 0; time < times; time++) {
    // The order alternates, because the second run finds everything warmer.
    const order = time % 2 === 0 ? [0, 3] : [3, 0]
    const walls = {}
    for (const retries of order) walls[retries] = await timed(retries)
    ratios.push(walls[3] / walls[0])
  }
  return median(ratios) - 1
}

async function requestsWith(retries) {
  let left = SLICE
  const lane = async () => {
    while (left-- > 0) await httpGetJson(spec.json, { retries })
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

async function downloadWith(retries) {
  await httpDownload(spec.file, spec.destination, { retries })
  rmSync(spec.destination)
}
