// npm run bump -- 1.2.3: one version in all files that have one, and its heading in the changelog.
// Commits nothing.

import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { released } from './changelog.mjs'
import { platformManifest, platformReadme } from './manifest.mjs'
import { checkNext, VERSIONED, withVersion } from './versions.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const { TARGETS } = createRequire(import.meta.url)('../lib/target.js')

const read = (path) => readFileSync(`${ROOT}${path}`, 'utf8')

/** The packages of the platforms follow the main one in all they say. */
function platformFiles(manifest) {
  return TARGETS.flatMap((target) => [
    [
      `npm/${target}/package.json`,
      `${JSON.stringify(platformManifest(manifest, target), null, 2)}\n`,
    ],
    [`npm/${target}/README.md`, platformReadme(manifest, target)],
  ])
}

try {
  const [wanted] = process.argv.slice(2)
  checkNext(JSON.parse(read('package.json')).version, wanted)
  const today = new Date().toISOString().slice(0, 10)
  const files = withVersion(Object.fromEntries(VERSIONED.map((path) => [path, read(path)])), wanted)
  const changed = [
    ...Object.entries(files),
    ...platformFiles(JSON.parse(files['package.json'])),
    ['CHANGELOG.md', released(read('CHANGELOG.md'), wanted, today)],
  ]
  // Only now, so that a file that does not fit leaves none of them changed.
  for (const [path, text] of changed) writeFileSync(`${ROOT}${path}`, text)
  console.log(
    `Everything is ${wanted} now. Read CHANGELOG.md, then continue with docs/releasing.md.`,
  )
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
