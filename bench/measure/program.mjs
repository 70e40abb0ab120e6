// One download by a program: time and CPU by bash, which counts in milliseconds, memory by looking.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { checkBytes, checkSize } from './check.mjs'
import { peakMemory } from './meter.mjs'
import { report } from './report.mjs'

const { id, method, small, large, file, thorough, settings } = JSON.parse(process.argv[2])
const contender = await import(`../contenders/${id}.mjs`)
const ca = process.env.NODE_EXTRA_CA_CERTS

await run(small)
checkBytes(file, small)
rmSync(file)

const cost = await run(large)

checkSize(file, large)
if (thorough) checkBytes(file, large)
rmSync(file)
report(cost)

async function run({ url, sha256 }) {
  const command = contender[method](url, file, { ...settings, ca, sha256 })
  const timed = 'TIMEFORMAT="%R %U %S"; time "$@"'
  const bash = spawn('bash', ['-c', timed, 'bash', ...command], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let memory = 0
  // The peak only grows, so the last look before the end is near enough.
  const looking = setInterval(() => {
    memory = Math.max(memory, peakOfChild(bash.pid))
  }, 5)
  const [output, [status]] = await Promise.all([text(bash.stderr), once(bash, 'close')])
  clearInterval(looking)
  const times = /([\d.]+) ([\d.]+) ([\d.]+)\s*$/.exec(output)
  if (!times || status !== 0) throw new Error(`${id} failed (${status}): ${output}`)
  const [wall, user, system] = times.slice(1).map(Number)
  return { wall: wall * 1000, cpu: user + system, memory }
}

function peakOfChild(parent) {
  try {
    const child = readFileSync(`/proc/${parent}/task/${parent}/children`, 'latin1').trim()
    return child ? peakMemory(child) : 0
  } catch {
    return 0
  }
}
