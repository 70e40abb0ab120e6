'use strict'

// Which addon native.js has loaded, or why none, for doctor.js. Without an import: an addon that
// cannot be loaded must not keep anybody from reading this.

module.exports = {
  /** The file or package that was loaded. */
  name: undefined,
  /** What was tried before, as `{ name, error }`. */
  attempts: [],
}
