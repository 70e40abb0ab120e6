// From the end of one holder to the beginning of the next. The time for which the lock is held is
// random, so that a waiter who looks every now and then is met anywhere between two looks.

import { median } from 'simple-statistics'
import { LOCKS } from '../contenders/locks/index.mjs'
import { handOffOfOurs, handOffOfProperLockfile } from './kinds/hand-offs.mjs'

/** Ours takes no time to speak of, so there can be more of them. */
const IN_A_ROUND = { ours: 4, 'proper-lockfile': 1 }
/** Longest hold, in ms. The longer, the longer are the pauses of a waiter whose pauses grow. */
const LONGEST = { ours: { full: 1000, quick: 100 }, 'proper-lockfile': { full: 5000, quick: 1500 } }

export default {
  metrics: [{ key: 'handoff', label: 'median of a round', unit: 'ms', better: 'lower' }],
  title: () => 'A lock passes from one process to another',
  entries: () => LOCKS.filter(({ id }) => id !== 'none'),
  measure:
    (context) =>
    async ({ id }, _round, random) => {
      const handOff = id === 'ours' ? handOffOfOurs : handOffOfProperLockfile
      const times = []
      for (let time = 0; time < IN_A_ROUND[id]; time++) {
        const hold = random() * LONGEST[id][context.quick ? 'quick' : 'full']
        times.push(await handOff(context.fresh('handoff'), hold))
      }
      return { handoff: median(times) }
    },
}
