// node scripts/glibc.mjs <addon> <version>: fails when the addon needs a newer glibc than that.

import { readFileSync } from 'node:fs'

const [file, oldest] = process.argv.slice(2)
const number = (version) => version.split('.').map(Number)
const isNewer = (one, other) => one[0] > other[0] || (one[0] === other[0] && one[1] > other[1])

// Versions of symbols are strings of the file, and of no other kind.
const text = readFileSync(file, 'latin1')
const needed = new Set(
  [...text.matchAll(/GLIBC_(\d+\.\d+)(?:\.\d+)?\0/g)].map(([, version]) => version),
)
const newer = [...needed].filter((version) => isNewer(number(version), number(oldest)))
if (needed.size === 0 || newer.length > 0) {
  console.error(
    `${file} needs glibc ${newer.join(', ') || 'of no known version'}; it should need ${oldest} at most`,
  )
  process.exit(1)
}
console.log(`${file} needs no glibc newer than ${oldest}`)
