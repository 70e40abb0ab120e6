// npm test              everything that must hold, from a fresh clone: installs, builds, lints, and runs all tests
// npm test -- --node    the Node tests alone, with the addon that is there

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { install, prepare } from './prepare.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CONSUMERS = '__test__/consumers'
// Private items as well: those who read them are the ones who change them.
const RUSTDOC = '--locked --lib --quiet -- --deny warnings --document-private-items'
const isNodeOnly = process.argv.includes('--node')
/** Runs a spec with the transport 'node'. */
const BY_NODE = '--import ./__test__/helpers/over-node-transport/register.mjs'
/** The contract that holds for every transport: these folders, or where time is short these specs. */
const CONTRACT = process.env.LONG_TESTS
  ? ['cache/', 'downloads/', 'locks/', 'requests/']
  : [
      'cache/http-cache.',
      'downloads/download.',
      'downloads/integrity.',
      'downloads/resume.',
      'locks/lock.',
      'requests/abort.',
      'requests/decoding.',
      'requests/errors.',
      'requests/hooks.',
      'requests/redirect.',
      'requests/request',
      'requests/response.',
      'requests/retry.',
      'requests/stream.',
    ]

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
  ['types compile for consumers', 'npx tsc -p __test__/types/nodenext.json'],
  ['types compile for bundlers', 'npx tsc -p __test__/types/bundler.json'],
  ['Node tests', `node --test --test-reporter=spec ${specs().join(' ')}`],
  [
    'the contract holds by node:http, too',
    `node ${BY_NODE} --test --test-reporter=spec ${contract().join(' ')}`,
  ],
]

/** For what only some machines have; CI has it. */
function isInstalled(program) {
  if (isNodeOnly) return false
  const { status } = spawnSync(`${program} --version`, { shell: true, stdio: 'ignore' })
  if (status !== 0) console.warn(`> without ${program}, which is not installed`)
  return status === 0
}

function specs() {
  const names = readdirSync(join(ROOT, '__test__'), { recursive: true })
  return names
    .filter((name) => name.endsWith('.spec.mjs') && !name.includes('node_modules'))
    .map((name) => join('__test__', name))
    .sort()
}

/** What the list over-node-transport/skipped.json leaves out is about the native transport. */
function contract() {
  const isWithin = (name) =>
    CONTRACT.some((beginning) => name.startsWith(join('__test__', beginning)))
  return specs().filter(isWithin)
}

try {
  if (isNodeOnly) install('.')
  else prepare()
} catch (error) {
  console.error(`The tests cannot start: ${error.message}`)
  process.exit(1)
}
try {
  install(CONSUMERS)
} catch (error) {
  // Some hundred megabytes that not everybody can fetch: what needs them is skipped, and says so.
  console.warn(`The tools of ${CONSUMERS} are missing: ${error.message}`)
}
for (const [proves, command] of isNodeOnly ? steps.slice(-2) : steps) {
  console.log(`\n> ${proves}: ${command}`)
  const started = performance.now()
  const { status } = spawnSync(command, { cwd: ROOT, shell: true, stdio: 'inherit' })
  if (status !== 0) {
    console.error(`\nFailed: ${proves}`)
    process.exit(1)
  }
  console.log(`> ${((performance.now() - started) / 1000).toFixed(1)} s`)
}
