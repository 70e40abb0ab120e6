// The usual steps of a command-line tool: download to a file, read all of it, hash it, compare.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { download } from './node-http.mjs'

export const name = 'node:http, then readFile and hash'
export const kind = 'node'

export const cannot = {
  json: 'node:http stands for it',
  jsonOverH2: 'node:http stands for it',
  download: 'node:http stands for it',
}

export async function verified(url, file, sha256) {
  await download(url, file)
  const bytes = await readFile(file)
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new Error('wrong digest')
}
