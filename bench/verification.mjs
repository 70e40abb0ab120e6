// SHA-256 of a file, as programs compute it that have no `sha256` option at hand.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Passes bytes on, and fails at their end if they are others than expected. */
export function hashing(sha256) {
  const hash = createHash('sha256')
  return new Transform({
    transform(chunk, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    },
    flush(done) {
      done(hash.digest('hex') === sha256 ? null : new Error('wrong digest'))
    },
  })
}

/** Reads the file again, after the download: for downloaders that hand out no stream. */
export async function verifyAfterwards(file, sha256) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  if (hash.digest('hex') !== sha256) throw new Error('wrong digest')
}
