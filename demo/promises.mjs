// Checks of the promises that every demo makes about the downloaded program.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

/** The SHA-256 of the program that the servers offer. */
export const sourceDigest = () =>
  createHash('sha256').update(readFileSync(process.execPath)).digest('hex')

/** Prints whether each check holds: the checks of this demo, and those of every demo. */
export function isPromised({ survivors, dir, destPath, sha256 }, checks) {
  console.log('\nWhat was promised')
  for (const { name, failure } of survivors) if (failure) console.log(`    ${name}: ${failure}`)
  const same = survivors.filter((worker) => worker.sha256 === sha256)
  const program = spawnSync(destPath, ['--version'], { encoding: 'utf8' })
  const version = program.error?.message ?? (program.stdout || program.stderr).trim()
  const left = readdirSync(dir, { recursive: true }).filter((name) => /\.(lock|part)\b/.test(name))
  const all = [
    ...checks,
    [
      `${same.length} of ${survivors.length} survivors have the SHA-256 of the source`,
      same.length === survivors.length,
    ],
    [`the downloaded program runs: ${version}`, version === process.version],
    [`files left behind, lock or part: ${left.join(', ') || 'none'}`, left.length === 0],
  ]
  for (const [text, ok] of all) console.log(`  ${ok ? '✓' : '✗'} ${text}`)
  console.log(`    SHA-256 ${sha256}`)

  const ok = all.every(([, kept]) => kept)
  console.log(ok ? '\nAll of it kept.' : '\nNot all of it was kept: see the lines with ✗.')
  return ok
}
