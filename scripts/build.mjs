// npm run build                        the addon for this machine, optimised
// npm run build -- --target <triple>   for another one
//
// `napi build` runs `cargo build`, which does not optimise across crates as long as this one is a
// Rust library as well. See docs/decisions/0022-lto.md.

import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parseTriple } from '@napi-rs/cli'
import { output } from './output.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { target: { type: 'string' } } })

/** Builds the library, and returns its path. */
function library() {
  const target = values.target ? ['--target', values.target] : []
  const args = ['rustc', '--locked', '--release', '--lib', '--crate-type', 'cdylib', ...target]
  const messages = output('cargo', [...args, '--message-format=json-render-diagnostics'])
  const [built] = messages
    .split('\n')
    .filter((line) => line.includes('"cdylib"'))
    .map((line) => JSON.parse(line))
    .filter(({ reason }) => reason === 'compiler-artifact')
  return built.filenames.find((name) => /\.(so|dylib|dll)$/.test(name))
}

try {
  const file = library()
  const triple = values.target ?? output('rustc', ['--print', 'host-tuple']).trim()
  const addon = `registry.${parseTriple(triple).platformArchABI}.node`
  // A new file, because a process may have the old one in memory.
  rmSync(join(ROOT, addon), { force: true })
  copyFileSync(file, join(ROOT, addon))
  console.log(`${addon} is built`)
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
