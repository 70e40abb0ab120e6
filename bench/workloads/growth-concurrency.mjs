// How many requests a second there are by how many are under way at once.

import { able } from '../contenders/index.mjs'
import { request } from './kinds/requests.mjs'
import { CLIENTS } from './kinds/selections.mjs'
import { cpuPerRequest, fewer, p99, rate } from './kinds/units.mjs'

const COUNTS = { full: [1, 4, 16, 64, 256], quick: [1, 16, 256] }
/** A little shorter than elsewhere, because there are so many points. */
const TIMES = { full: { warmUp: 1500, duration: 800 }, quick: { warmUp: 300, duration: 200 } }

export default {
  metrics: [rate, p99, cpuPerRequest],
  title: () => 'GET 1 KB of JSON by the number of requests at once',
  rounds: fewer,
  x: { label: 'at once', unit: '' },
  entries: ({ quick }) =>
    COUNTS[quick ? 'quick' : 'full'].flatMap((x) =>
      able('json', CLIENTS).map((contender) => ({ ...contender, x })),
    ),
  measure: (context) => (entry) =>
    request(context, entry, {
      server: 'http',
      method: 'json',
      bytes: 1000,
      concurrency: entry.x,
      ...TIMES[context.quick ? 'quick' : 'full'],
    }),
}
