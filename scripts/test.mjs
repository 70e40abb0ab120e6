// npm test              everything that must hold, from a fresh clone: installs, builds, lints, and runs all tests
// npm test -- --node    the Node tests alone, with the addon that is there

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { install, installMeanwhile, prepare } from './prepare.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CONSUMERS = '__test__/consumers'
// Private items as well: those who read them are the ones who change them.
const RUSTDOC = '--locked --lib --quiet -- --deny warnings --document-private-items'
const isNodeOnly = process.argv.includes('--node')

const NODE_TESTS = ['Node tests', 'node scripts/specs.mjs']
const CONTRACT = ['the contract holds by node:http, too', 'node scripts/specs.mjs --by-node-http']

/** Each step: what it proves, and the command. The cheap ones come first. */
const steps = [
  ...(isInstalled('typos') ? [['no common misspellings', 'typos']] : []),
  ['JavaScript is formatted and lint-free', 'npx biome check --error-on-warnings .'],
  ['Rust is formatted', 'cargo fmt --check'],
  ['Rust is lint-free', 'cargo clippy --locked --all-targets --quiet -- -D warnings'],
  ['comments link to what exists', `cargo rustdoc ${RUSTDOC}`],
  ['the core needs no Node', 'cargo test --locked --no-default-features --quiet'],
  ['Rust tests with the binding', 'cargo test --locked --quiet'],
  ['generated types are those of the build', 'git diff --exit-code --stat -- index.d.ts'],
  NODE_TESTS,
  CONTRACT,
]

/** `napi build` names the target, for which Cargo has a directory of its own: this shares it. */
function environment() {
  const { stdout } = spawnSync('rustc', ['--print', 'host-tuple'], { encoding: 'utf8' })
  const CARGO_BUILD_TARGET = process.env.CARGO_BUILD_TARGET ?? stdout?.trim()
  return { ...process.env, ...(CARGO_BUILD_TARGET && { CARGO_BUILD_TARGET }) }
}

/** For what only some machines have; CI has it. */
function isInstalled(program) {
  if (isNodeOnly) return false
  const { status } = spawnSync(`${program} --version`, { shell: true, stdio: 'ignore' })
  if (status !== 0) console.warn(`> without ${program}, which is not installed`)
  return status === 0
}

/** Some hundred megabytes that not everybody can fetch: what needs them is skipped, and says so. */
async function consumersAreInstalled() {
  const reason = await consumers
  if (reason) console.warn(`The tools of ${CONSUMERS} are missing: ${reason}`)
}

const consumers = installMeanwhile(CONSUMERS)
try {
  if (isNodeOnly) install('.')
  else prepare()
} catch (error) {
  console.error(`The tests cannot start: ${error.message}`)
  process.exit(1)
}
const env = isNodeOnly ? process.env : environment()
for (const [proves, command] of isNodeOnly ? [NODE_TESTS, CONTRACT] : steps) {
  if (command === NODE_TESTS[1]) await consumersAreInstalled()
  console.log(`\n> ${proves}: ${command}`)
  const started = performance.now()
  const { status } = spawnSync(command, { cwd: ROOT, env, shell: true, stdio: 'inherit' })
  if (status !== 0) {
    console.error(`\nFailed: ${proves}`)
    process.exit(1)
  }
  console.log(`> ${((performance.now() - started) / 1000).toFixed(1)} s`)
}
