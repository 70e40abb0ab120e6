// GETs that a cache may serve: of one URL, and of many at random.

import { deepStrictEqual } from 'node:assert'
import { readFileSync } from 'node:fs'
import { meter } from './meter.mjs'
import { report } from './report.mjs'

const { id, place, directory, url, expected, many, concurrency, duration } = JSON.parse(
  process.argv[2],
)
const contender = await import(`../contenders/caches/${id}.mjs`)
const get = contender[place](directory)
const body = JSON.parse(readFileSync(expected, 'utf8'))
const one = () => `${url}?n=0`
const any = () => `${url}?n=${Math.floor(Math.random() * many)}`

deepStrictEqual(await get(one()), body)
// It may be kept only after it has been given.
await new Promise((resolve) => setTimeout(resolve, 100))
deepStrictEqual(await get(one()), body)
await lanes(duration, one)
const few = await lanes(duration, one)

let next = 0
await Promise.all(
  Array.from({ length: concurrency }, async () => {
    while (next < many) await get(`${url}?n=${next++}`)
  }),
)
await new Promise((resolve) => setTimeout(resolve, 100))
deepStrictEqual(await get(any()), body)
await lanes(duration / 2, any)
const { rate: rateOfMany } = await lanes(duration, any)
report({ ...few, many: rateOfMany })

/** So many at once, for so long. */
async function lanes(milliseconds, choose) {
  const end = performance.now() + milliseconds
  let count = 0
  const stop = meter()
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() < end) {
        await get(choose())
        count += 1
      }
    }),
  )
  const { wall, cpu, elu, memory } = stop()
  return { rate: (count / wall) * 1000, cpu: (cpu * 1e6) / count, elu, memory }
}
