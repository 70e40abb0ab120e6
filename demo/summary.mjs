// What came of it, and whether it is what was promised.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { megabytes } from './display.mjs'

export function summarize({ workers, killed, requests, dir, destPath }) {
  console.log('\nWhat the server was asked')
  for (const [index, request] of requests.entries()) {
    console.log(`  ${request.method} ${index + 1}   ${explain(request)}`)
  }

  console.log('\nWhat was promised')
  const gets = requests.filter(({ method }) => method === 'GET')
  const survivors = workers.filter((worker) => worker !== killed?.worker)
  const source = createHash('sha256').update(readFileSync(process.execPath)).digest('hex')
  const same = survivors.filter(({ sha256 }) => sha256 === source)
  const program = spawnSync(destPath, ['--version'], { encoding: 'utf8' })
  const version = program.error?.message ?? (program.stdout || program.stderr).trim()
  const left = readdirSync(dir, { recursive: true }).filter((name) => /\.(lock|part)\b/.test(name))

  const failures = survivors.filter(({ failure }) => failure)
  for (const { name, failure } of failures) console.log(`    ${name}: ${failure}`)

  const checks = [
    [`${gets.length} GET requests for ${workers.length} processes (3 expected)`, gets.length === 3],
    [tellOfKill(killed), Boolean(killed?.heir)],
    [
      `${same.length} of ${survivors.length} survivors have the SHA-256 of the source`,
      same.length === survivors.length,
    ],
    [`the downloaded program runs: ${version}`, version === process.version],
    [`files left behind, lock or part: ${left.join(', ') || 'none'}`, left.length === 0],
  ]
  for (const [text, ok] of checks) console.log(`  ${ok ? '✓' : '✗'} ${text}`)
  console.log(`    SHA-256 ${source}`)

  const ok = checks.every(([, kept]) => kept)
  console.log(ok ? '\nAll of it kept.' : '\nNot all of it was kept: see the lines with ✗.')
  return ok
}

function explain({ status, from, sent, whole }) {
  if (status === 503) return '503   busy: the holder waited a little and tried again'
  const start =
    from > 0 ? `${status}   resumed at ${megabytes(from)}` : `${status}   from the start`
  return `${start}, ${megabytes(sent)} sent, ${whole ? 'finished' : 'cut off: its process was killed'}`
}

function tellOfKill(killed) {
  if (!killed) return 'the holder was killed halfway (it was not: nobody was seen holding the lock)'
  const percent = `${Math.round(100 * killed.at)} %`
  const heir = killed.heir
    ? `${killed.heir.name} took over in ${Math.round(killed.took)} ms`
    : 'nobody took over'
  return `${killed.worker.name} was killed at ${percent}; ${heir}`
}
