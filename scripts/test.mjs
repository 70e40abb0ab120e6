// npm test              installs, builds, lints, and runs all tests, from a fresh clone
// npm test -- --node    runs the Node tests alone, with the addon that is there

import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { install, installMeanwhile, prepare } from './prepare.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CONSUMERS = '__test__/consumers'
// Private items as well: those who read them are the ones who change them.
const RUSTDOC = '--locked --lib --quiet -- --deny warnings --document-private-items'
const CLIPPY = 'cargo clippy --locked --all-targets --quiet'
const isNodeOnly = process.argv.includes('--node')

// Each step: what it proves, and the command.

const CHEAP = [
  ['JavaScript is formatted and lint-free', 'npx biome check --error-on-warnings .'],
  ['Rust is formatted', 'cargo fmt --check'],
  ['generated types are those of the build', 'git diff --exit-code --stat -- index.d.ts'],
]
const RUST = [
  ['Rust is lint-free', `${CLIPPY} -- -D warnings`],
  ['the core needs no Node', `${CLIPPY} --no-default-features -- -D warnings`],
  ['comments link to what exists', `cargo rustdoc ${RUSTDOC}`],
  ['Rust tests', 'cargo test --locked --quiet'],
]
const NODE = [
  ['Node tests', 'node scripts/specs.mjs --together'],
  ['the contract holds by node:http, too', 'node scripts/specs.mjs --by-node-http'],
]
const NODE_ALONE = ['Node tests that measure delays', 'node scripts/specs.mjs --alone']

/** `napi build` names the target, for which Cargo has a directory of its own: this shares it. */
function environment() {
  const { stdout } = spawnSync('rustc', ['--print', 'host-tuple'], { encoding: 'utf8' })
  const CARGO_BUILD_TARGET = process.env.CARGO_BUILD_TARGET ?? stdout?.trim()
  return { ...process.env, ...(CARGO_BUILD_TARGET && { CARGO_BUILD_TARGET }) }
}

/** For what only some machines have; CI has it. */
function isInstalled(program) {
  const { status } = spawnSync(`${program} --version`, { shell: true, stdio: 'ignore' })
  if (status !== 0) console.warn(`> without ${program}, which is not installed`)
  return status === 0
}

/** Some hundred megabytes that not everybody can fetch: what needs them is skipped, and says so. */
async function consumersAreInstalled() {
  const reason = await consumers
  if (reason) console.warn(`The tools of ${CONSUMERS} are missing: ${reason}`)
}

/**
 * Runs one step; whether it succeeded. Its output is shown as it comes, or, of steps that run
 * beside others, at its end.
 */
async function succeeds([proves, command], { isBeside = false } = {}) {
  const title = `\n> ${proves}: ${command}\n`
  if (!isBeside) process.stdout.write(title)
  const started = performance.now()
  const stdio = isBeside ? ['ignore', 'pipe', 'pipe'] : 'inherit'
  const child = spawn(command, { cwd: ROOT, env, shell: true, stdio })
  const output = []
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => output.push(data))
  const status = await new Promise((resolve) => {
    child.on('error', () => resolve(1)).on('close', resolve)
  })
  const end = `> ${((performance.now() - started) / 1000).toFixed(1)} s\n`
  process.stdout.write(isBeside ? `${title}${Buffer.concat(output)}${end}` : end)
  if (status !== 0) failed.push(proves)
  return status === 0
}

/** Runs steps up to the first that fails. */
async function allSucceed(steps, options) {
  for (const step of steps) if (!(await succeeds(step, options))) return false
  return true
}

/** The Node tests wait more than they compute, so that Cargo runs beside them. */
async function everythingSucceeds() {
  if (!isNodeOnly && !(await allSucceed(CHEAP))) return false
  const rust = isNodeOnly || allSucceed(RUST, { isBeside: true })
  await consumersAreInstalled()
  const node = await allSucceed(NODE)
  return (await rust) && node && (await succeeds(NODE_ALONE))
}

const consumers = installMeanwhile(CONSUMERS)
try {
  if (isNodeOnly) install('.')
  else prepare()
} catch (error) {
  console.error(`The tests cannot start: ${error.message}`)
  process.exit(1)
}
if (!isNodeOnly && isInstalled('typos')) CHEAP.unshift(['no common misspellings', 'typos'])
const env = isNodeOnly ? process.env : environment()
const failed = []
if (!(await everythingSucceeds())) {
  console.error(`\nFailed: ${failed.join(', ')}`)
  process.exit(1)
}
