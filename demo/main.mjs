// Which demo: the rush of eight processes, mirrors that fail, or one download of any URL.

import { mirrors } from './mirrors.mjs'
import { one } from './one.mjs'
import { rush } from './rush.mjs'

// Leave through process.exit, so that what cleans up at 'exit' does.
process.once('SIGINT', () => process.exit(130))

const [url, destPath, ...more] = process.argv.slice(2)

let ok = false
try {
  if (url === undefined) ok = await rush()
  else if (url === '--mirrors' && destPath === undefined) ok = await mirrors()
  else if (destPath !== undefined && more.length === 0) ok = await one(url, destPath)
  else console.error('Usage: npm run demo [-- --mirrors | -- <url> <dest>]')
} catch (error) {
  console.error(`The demo failed: ${error.message}`)
}
process.exitCode = ok ? 0 : 1
