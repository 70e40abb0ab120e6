// The processes of a scene: they say what happened and when, and do what they are told.

/** Nanoseconds of a clock that all processes of a machine share. */
export const now = () => `${process.hrtime.bigint()}`

export const say = (event, more) => process.send({ event, at: now(), ...more })

/** Resolves when told `word`. */
export function told(word) {
  return new Promise((resolve) => {
    const listen = (message) => {
      if (message !== word) return
      process.off('message', listen)
      resolve()
    }
    process.on('message', listen)
  })
}

/**
 * Until the process is ended by the one that started it: one that ends by itself takes time from
 * those that go on.
 */
export async function play(scene) {
  process.on('message', () => {})
  try {
    await scene()
  } catch (error) {
    // The scene ends with it.
    process.send({ error: error.stack })
  }
}
