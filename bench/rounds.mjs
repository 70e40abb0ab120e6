// Rounds: each contender once, in another order each time. What drifts (heat, other programs, the
// page cache) then meets all contenders alike, which it would not if each ran its turns in a row.

import { shuffle } from 'simple-statistics'
import { randomFrom } from '../__test__/helpers/seeded-random.mjs'
import { summarize } from './statistics.mjs'

/** Measures each entry in each round. An entry that fails once is out, and the result says why. */
export async function alternate(entries, { rounds, seed }, measure) {
  const started = performance.now()
  const random = randomFrom(seed)
  const results = entries.map((entry) => ({ entry, samples: [], failure: undefined }))
  for (let round = 0; round < rounds; round++) {
    for (const result of shuffle(results, random)) {
      if (result.failure) continue
      try {
        result.samples.push(await measure(result.entry, round, random))
        process.stdout.write('.')
      } catch (error) {
        result.failure = error.message
        process.stdout.write('!')
      }
    }
  }
  process.stdout.write(` ${((performance.now() - started) / 1000).toFixed(0)} s\n`)
  return results.map(({ entry, samples, failure }) => ({
    ...entry,
    ...(failure ? { failure } : { summary: summarize(samples) }),
    samples,
  }))
}
