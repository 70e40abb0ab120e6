// Files that the servers serve, the same in every run.

import { createCipheriv, createHash } from 'node:crypto'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { randomFrom } from '../../__test__/helpers/seeded-random.mjs'

const MIB = 2 ** 20

/** A file of bytes that do not compress: a key stream. `{ name, size, sha256 }` */
export function makeFile(directory, mebibytes) {
  const name = `${mebibytes}.bin`
  const descriptor = openSync(join(directory, name), 'w')
  const keyStream = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16))
  const hash = createHash('sha256')
  const zeros = Buffer.alloc(MIB)
  for (let written = 0; written < mebibytes; written++) {
    const piece = keyStream.update(zeros)
    hash.update(piece)
    writeSync(descriptor, piece)
  }
  closeSync(descriptor)
  return { name, size: mebibytes * MIB, sha256: hash.digest('hex') }
}

/**
 * A JSON document of about so many bytes, like the response of an API: records with texts and
 * numbers.
 */
export function makeJson(directory, bytes) {
  const name = `${bytes}.json`
  const path = join(directory, name)
  const random = randomFrom(bytes)
  const items = []
  for (let id = 1; JSON.stringify({ items }).length < bytes - 60; id++) {
    const score = Math.round(random() * 1000) / 10
    items.push({
      id,
      name: `package-${Math.floor(random() * 1e6)}`,
      score,
      deprecated: id % 7 === 0,
    })
  }
  writeFileSync(path, JSON.stringify({ items }))
  return { name, path }
}
