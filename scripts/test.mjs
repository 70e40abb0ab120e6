// npm test: everything that must hold, from a fresh clone: installs, builds, lints, and runs all tests.
// npm test -- --node: the Node tests alone, with the addon that is there.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { install, prepare } from './prepare.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Each step: what it proves, and the command. The cheap ones come first. */
const steps = [
  ['JavaScript is formatted and lint-free', 'npx biome check --error-on-warnings .'],
  ['Rust is formatted', 'cargo fmt --check'],
  ['Rust is lint-free', 'cargo clippy --locked --all-targets --quiet -- -D warnings'],
  ['the core needs no Node', 'cargo test --locked --no-default-features --quiet'],
  ['Rust tests with the binding', 'cargo test --locked --quiet'],
  ['generated types are those of the build', 'git diff --exit-code --stat -- index.d.ts'],
  ['types compile for consumers', 'npx tsc -p __test__/types/nodenext.json'],
  ['types compile for bundlers', 'npx tsc -p __test__/types/bundler.json'],
  ['Node tests', `node --test --test-reporter=spec ${specs().join(' ')}`],
]

function specs() {
  const names = readdirSync(`${ROOT}__test__`).filter((name) => name.endsWith('.spec.mjs'))
  return names.sort().map((name) => `__test__/${name}`)
}

const onlyNode = process.argv.includes('--node')
try {
  if (!onlyNode) prepare()
  install('__test__/consumers')
} catch (error) {
  console.error(`The tests cannot start: ${error.message}`)
  process.exit(1)
}
for (const [proves, command] of onlyNode ? steps.slice(-1) : steps) {
  console.log(`\n> ${proves}: ${command}`)
  const started = performance.now()
  const { status } = spawnSync(command, { cwd: ROOT, shell: true, stdio: 'inherit' })
  if (status !== 0) {
    console.error(`\nFailed: ${proves}`)
    process.exit(1)
  }
  console.log(`> ${((performance.now() - started) / 1000).toFixed(1)} s`)
}
