// Is the file the one that was asked for? Outside of what is timed.

import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync, statSync } from 'node:fs'

export function checkSize(file, { size }) {
  if (statSync(file).size !== size) throw new Error(`${file} has the wrong size`)
}

/** Into one buffer again and again, so that the check does not count as memory of the contender. */
export function checkBytes(file, { sha256 }) {
  const hash = createHash('sha256')
  const buffer = Buffer.alloc(65_536)
  const descriptor = openSync(file)
  for (;;) {
    const length = readSync(descriptor, buffer)
    if (length === 0) break
    hash.update(buffer.subarray(0, length))
  }
  closeSync(descriptor)
  if (hash.digest('hex') !== sha256) throw new Error(`${file} has the wrong bytes`)
}
