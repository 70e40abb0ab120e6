'use strict'

// The addon that native.js has loaded, or the reason why it loaded none, for doctor.js. The file
// has no imports: it must be readable even when the addon cannot be loaded.

module.exports = {
  /** The file or package that was loaded. */
  name: undefined,
  /** Attempts that failed before, as `{ name, error }`. */
  attempts: [],
}
