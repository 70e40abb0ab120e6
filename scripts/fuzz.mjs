// npm run fuzz [-- <seconds>]: each fuzz target for some seconds. Installs cargo-fuzz when it is
// missing.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const seconds = Number(process.argv[2] ?? 5)
const targets = readdirSync(`${ROOT}fuzz/targets`).map((name) => basename(name, '.rs'))

function run(command, options) {
  console.log(`> ${command}`)
  // Lets a stable compiler instrument the code, so that no second toolchain is needed.
  const env = { ...process.env, RUSTC_BOOTSTRAP: '1' }
  return spawnSync(command, { cwd: ROOT, env, shell: true, stdio: 'inherit', ...options }).status
}

if (run('cargo fuzz --version', { stdio: 'ignore' }) !== 0) {
  if (run('cargo install cargo-fuzz --locked --quiet') !== 0) process.exit(1)
}
for (const target of targets) {
  const limits = `-max_total_time=${seconds} -verbosity=0 -print_final_stats=1`
  if (run(`cargo fuzz run --sanitizer none ${target} -- ${limits}`) !== 0) {
    console.error(`Failed: ${target}`)
    process.exit(1)
  }
}
