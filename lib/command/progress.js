'use strict'

// Progress on standard error: one line that changes on a terminal, a line for each 10 % elsewhere.

const { printable } = require('../printable.js')

const STEP = 10

class Progress {
  #stream
  #isWanted
  #isTerminal
  /** Whether a line stands that is not ended. */
  #isOpen = false
  #step = 0

  constructor(stream, isWanted) {
    this.#stream = stream
    this.#isWanted = isWanted
    this.#isTerminal = stream.isTTY === true && process.env.TERM !== 'dumb'
  }

  /** @param {number} fraction 0 to 1 @param {() => string} describe the text behind the per cent */
  update(fraction, describe) {
    if (!this.#isWanted) return
    const percent = Math.floor(100 * fraction)
    if (this.#isTerminal) {
      const text = `${String(percent).padStart(3)} %  ${describe()}`
      // A line that wraps could not be replaced.
      this.#stream.write(`\r\x1b[2K${text.slice(0, (this.#stream.columns || 80) - 1)}`)
      this.#isOpen = true
      return
    }
    const step = Math.floor(percent / STEP)
    if (step <= this.#step) return
    this.#step = step
    this.#stream.write(`${step * STEP} % (${describe()})\n`)
  }

  /** A line of its own, as long as progress is wanted. */
  say(text) {
    if (!this.#isWanted) return
    this.#clear()
    this.#stream.write(`${printable(text)}\n`)
  }

  /** Ends the line on a terminal, so that others can write. */
  end() {
    if (this.#isOpen) this.#stream.write('\n')
    this.#isOpen = false
  }

  #clear() {
    if (this.#isOpen) this.#stream.write('\r\x1b[2K')
    this.#isOpen = false
  }
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB']

/** A size for people. */
function bytes(count) {
  let [value, unit] = [count, 0]
  // Not 999.95 either, which would be shown as 1000.0.
  while (value >= 999.95 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return unit === 0
    ? `${count} ${count === 1 ? 'byte' : 'bytes'}`
    : `${value.toFixed(1)} ${UNITS[unit]}`
}

module.exports = { Progress, bytes }
