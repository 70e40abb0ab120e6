// Reads the holder of the lock, which the lock file stores as JSON.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** `{ pid, startTime, url }` of the process that downloads, or undefined. */
export function readHolder(destPath) {
  const locks = join(dirname(destPath), '.locks')
  try {
    const name = readdirSync(locks).find((each) => each.endsWith('.lock'))
    return name && JSON.parse(readFileSync(join(locks, name), 'utf8'))
  } catch {
    return undefined
  }
}
