// npm run bump -- 1.2.3: one version in all files that have one, and its heading in the changelog. Commits nothing.

import { execSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { platformManifest, platformReadme, releasedChangelog } from './manifest.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const { TARGETS } = createRequire(import.meta.url)('../lib/target.js')

const read = (name) => readFileSync(`${ROOT}${name}`, 'utf8')
const write = (name, text) => writeFileSync(`${ROOT}${name}`, text)
const run = (command) => execSync(command, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] })

try {
  const [wanted] = process.argv.slice(2)
  if (!wanted) throw new Error('Say which version: npm run bump -- 1.2.3')
  // npm refuses what is no version, and writes its lock file too.
  run(`npm version --no-git-tag-version --ignore-scripts ${JSON.stringify(wanted)}`)
  const manifest = JSON.parse(read('package.json'))
  const { version } = manifest

  for (const target of TARGETS) {
    mkdirSync(`${ROOT}npm/${target}`, { recursive: true })
    write(
      `npm/${target}/package.json`,
      `${JSON.stringify(platformManifest(manifest, target), null, 2)}\n`,
    )
    write(`npm/${target}/README.md`, platformReadme(manifest, target))
  }
  write('Cargo.toml', read('Cargo.toml').replace(/^version = ".*"$/m, `version = "${version}"`))
  run('npx biome format --write package.json npm')
  run('cargo update --workspace --offline --quiet')
  write(
    'CHANGELOG.md',
    releasedChangelog(read('CHANGELOG.md'), version, new Date().toISOString().slice(0, 10)),
  )
  console.log(`Now ${version}. Read CHANGELOG.md, commit, and go on with docs/releasing.md.`)
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
