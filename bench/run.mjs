// npm run bench: us and others side by side. What the numbers mean, and what not: README.md.

import { readOptions } from './options.mjs'
import { prepare } from './prepare.mjs'
import { NAMES } from './workloads/names.mjs'

try {
  const options = readOptions(NAMES)
  if (options) {
    prepare()
    // Only now, for it needs what has just been installed.
    const { main } = await import('./main.mjs')
    await main(options)
  }
} catch (error) {
  console.error(`The benchmark failed: ${error.message}`)
  // Not only the exit code: servers that have been started would keep the process.
  process.exit(1)
}
