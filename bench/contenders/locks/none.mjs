// As every HTTP client of npm does it: none has a lock.

import { rename } from 'node:fs/promises'
import { download } from '../node-http.mjs'

export async function fetchOnce(url, file) {
  const part = `${file}.${process.pid}`
  await download(url, part)
  await rename(part, file)
}
