// npm run pack -- <directory>: the tarballs that are published. Prints their paths in the order in
// which to publish them: the main package last, so that nobody can install it before those that it
// needs.

import { makeTarballs } from './tarballs.mjs'

const [out] = process.argv.slice(2)
if (out) {
  const { main, platforms } = makeTarballs(out)
  console.log([...Object.values(platforms), main].join('\n'))
} else {
  console.error('Say where to: npm run pack -- dist')
  process.exitCode = 1
}
