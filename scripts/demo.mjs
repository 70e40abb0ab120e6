// npm run demo                    eight processes, one download, and a killed holder
// npm run demo -- --mirrors       three sources: one dies, one goes silent; and a killed holder
// npm run demo -- <url> <dest>    one download of your own

import { prepare } from './prepare.mjs'

try {
  prepare({ release: true })
} catch (error) {
  console.error(`The demo cannot start: ${error.message}`)
  process.exit(1)
}
await import('../demo/main.mjs')
