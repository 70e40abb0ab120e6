// GETs of one JSON document, so many at once: for a while, or so many in all.

import { deepStrictEqual } from 'node:assert'
import { readFileSync } from 'node:fs'
import { quantile } from 'simple-statistics'
import { meter } from './meter.mjs'
import { report } from './report.mjs'

const { id, method, url, expected, concurrency, ...spec } = JSON.parse(process.argv[2])
const { [method]: get } = await import(`../contenders/${id}.mjs`)

deepStrictEqual(await get(url), JSON.parse(readFileSync(expected, 'utf8')))
if (spec.warmUp) await latencies(during(spec.warmUp))

const stop = meter()
const measured = await latencies(spec.count ? upTo(spec.count) : during(spec.duration))
const { wall, cpu, elu, memory } = stop()

const [p50, p99] = quantile(measured, [0.5, 0.99])
const rate = (measured.length / wall) * 1000
report({ rate, p50, p99, cpu: (cpu * 1e6) / measured.length, elu, memory })

/** Whether there is time for another request. */
function during(milliseconds) {
  const end = performance.now() + milliseconds
  return (now) => now < end
}

/** Whether another request is wanted; each is asked for once. */
function upTo(count) {
  let asked = 0
  return () => asked++ < count
}

async function latencies(goesOn) {
  const measured = []
  async function lane() {
    for (let started = performance.now(); goesOn(started); ) {
      await get(url)
      const done = performance.now()
      measured.push(done - started)
      started = done
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  return measured
}
