// The pattern as people write it: lock, look, download, unlock.

import { existsSync } from 'node:fs'
import lockfile from 'proper-lockfile'
import { fetchOnce as download } from './none.mjs'

/**
 * Its default timing: looks after 1 s, 2 s, 4 s and so on. `realpath`, for the file is not there
 * yet.
 */
export const lock = (file) => lockfile.lock(file, { realpath: false, retries: { forever: true } })

export async function fetchOnce(url, file) {
  if (existsSync(file)) return
  const unlock = await lock(file)
  try {
    if (!existsSync(file)) await download(url, file)
  } finally {
    await unlock()
  }
}
