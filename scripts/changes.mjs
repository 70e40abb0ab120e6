// node scripts/changes.mjs 1.2.3: what CHANGELOG.md says of that version, for the page of the
// release.

import { readFileSync } from 'node:fs'
import { changesOf } from './changelog.mjs'

const [version] = process.argv.slice(2)
const changes = changesOf(
  readFileSync(new URL('../CHANGELOG.md', import.meta.url), 'utf8'),
  version,
)
if (changes) console.log(changes)
else {
  console.error(`CHANGELOG.md says nothing of ${version}`)
  process.exitCode = 1
}
