// Runs programs of this directory that take a job and report events, if need be inside another
// program such as `unshare`. Whatever still runs when the test is over is killed.

import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { until } from '../support.mjs'

/**
 * @param {import('node:test').TestContext} t
 * @param {string} name a file of this directory, without `.mjs`
 * @param {object} job
 * @param {string[]} [wrapper] a command that runs the command behind it
 */
export function startJob(t, name, job, wrapper) {
  const child = spawnJob(name, job, { wrapper })
  t.after(() => child.end())
  return child
}

/** The same for a caller that ends it. */
export function spawnJob(name, job, { wrapper = [], cwd } = {}) {
  const script = fileURLToPath(new URL(`${name}.mjs`, import.meta.url))
  const [command, ...args] = [...wrapper, process.execPath, script, JSON.stringify(job)]
  const child = spawn(command, args, { cwd })
  const events = []
  let stderr = ''
  let ended
  let closed = false
  child.stdin.on('error', () => {})
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  createInterface({ input: child.stdout }).on('line', (line) =>
    events.push({ ...JSON.parse(line), at: performance.now() }),
  )
  const exit = new Promise((resolve) => {
    child.on('exit', () => {
      ended = performance.now()
    })
    child.on('close', (code, signal) => {
      closed = true
      resolve({ code, signal, at: ended, stderr })
    })
  })
  return {
    pid: child.pid,
    events,
    exit,
    get running() {
      return ended === undefined
    },
    kill: (signal) => child.kill(signal),
    tell: (line) => child.stdin.write(`${line}\n`),
    /** Waits for an event of this name; fails when the program ends without it. */
    async event(wanted, milliseconds) {
      const find = () => events.find(({ event }) => event === wanted)
      await until(() => find() || closed, `"${wanted}" from ${name}.mjs`, milliseconds)
      if (find()) return find()
      throw new Error(`${name}.mjs ended without "${wanted}": ${JSON.stringify(events)} ${stderr}`)
    },
    async end() {
      child.kill('SIGKILL')
      await exit
    },
  }
}

/** Why a wrapper cannot be used here; `false` when it can, as `skip` of a test wants it. */
export function whyNot(...wrapper) {
  const { error, status, stderr } = spawnSync(wrapper[0], [...wrapper.slice(1), 'true'])
  if (error) return `${wrapper[0]}: ${error.code}`
  return status !== 0 && `not permitted: ${wrapper.join(' ')}: ${String(stderr).trim()}`
}
