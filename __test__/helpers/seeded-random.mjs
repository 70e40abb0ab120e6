// Randomness that can be repeated: the same seed gives the same test.

/** mulberry32: numbers from 0 up to 1. */
export function randomFrom(seed) {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Returns functions that draw at random from a seed: whole numbers, booleans, members of lists. */
export function dice(seed) {
  const random = randomFrom(seed)
  const below = (limit) => Math.floor(random() * limit)
  return {
    below,
    between: (least, most) => least + below(most - least + 1),
    chance: (probability) => random() < probability,
    pick: (list) => list[below(list.length)],
  }
}
