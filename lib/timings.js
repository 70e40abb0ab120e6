'use strict'

// The `timings` of responses and downloads.

/** Returns the object that it is given, so that a class that extends it adds its fields to that. */
class Given {
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: see above
    return object
  }
}

/**
 * A response with the parts of its timings, in a field that neither a spread nor a comparison sees.
 */
class Timed extends Given {
  #parts

  constructor(response, parts) {
    super(response)
    this.#parts = parts
  }

  static timings(response) {
    if (!(#parts in response)) return undefined
    const [dns, connect, firstByte, total] = response.#parts
    return {
      ...(Number.isNaN(dns) ? {} : { dns }),
      ...(Number.isNaN(connect) ? {} : { connect }),
      firstByte,
      total,
    }
  }
}

/** One for all responses: an accessor for each would cost more than the times that it shows. */
const timings = {
  configurable: true,
  get() {
    return Timed.timings(this)
  },
}

/**
 * Gives a response its `timings`, computed at the access. Not enumerable: no two responses have the
 * same.
 */
function setTimings(response, dns, connect, firstByte, total) {
  // A response of a cache.
  if (Number.isNaN(firstByte)) return
  new Timed(response, [dns, connect, firstByte, total])
  Object.defineProperty(response, 'timings', timings)
}

module.exports = { setTimings }
