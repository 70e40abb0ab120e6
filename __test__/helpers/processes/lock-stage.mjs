// What every lock spec needs: a temporary directory, an origin, child processes that are gone
// when the test is, and a few questions to ask the file system.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startOrigin } from '../origins/lock-origin.mjs'

const HERE = dirname(fileURLToPath(import.meta.url))

/** A directory, a destination in it and an origin; all of it is cleared away after the test. */
export async function setStage(t, originOptions) {
  const dir = await mkdtemp(join(tmpdir(), 'lock-spec-'))
  const origin = await startOrigin(originOptions)
  const children = []
  t.after(async () => {
    await Promise.all(children.map((child) => child.end()))
    await origin.close()
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  })
  const dest = join(dir, 'tool.bin')
  return {
    dir,
    dest,
    lock: lockPathOf(dest),
    origin,
    /** Runs `lock-<name>.mjs` with a job; url and destPath are those of the stage unless given. */
    start(name, job = {}, { cwd } = {}) {
      const child = startChild(name, { url: origin.url, destPath: dest, ...job }, cwd)
      children.push(child)
      return child
    },
  }
}

/** A child reports events as lines of JSON; `event(name)` waits for one of them. */
function startChild(name, job, cwd) {
  const script = join(HERE, `lock-${name}.mjs`)
  const child = spawn(process.execPath, [script, JSON.stringify(job)], { cwd })
  const events = []
  let stderr = ''
  child.stdin.on('error', () => {})
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  createInterface({ input: child.stdout }).on('line', (line) =>
    events.push({ ...JSON.parse(line), at: performance.now() }),
  )
  let ended = false
  const exit = new Promise((done) => {
    child.on('close', (code, signal) => {
      ended = true
      done({ code, signal, at: performance.now(), stderr })
    })
  })
  return {
    pid: child.pid,
    events,
    exit,
    get running() {
      return !ended
    },
    kill: (signal) => child.kill(signal),
    tell: (line) => child.stdin.write(`${line}\n`),
    async event(wanted, ms = 15_000) {
      const find = () => events.find((each) => each.event === wanted)
      await until(() => find() || ended, ms, `"${wanted}" from lock-${name}.mjs`)
      if (find()) return find()
      const told = JSON.stringify(events.at(-1))
      throw new Error(`lock-${name}.mjs ended without "${wanted}"; last: ${told} ${stderr}`)
    },
    async end() {
      child.kill('SIGKILL')
      await exit
    },
  }
}

/** Waits until `check()` is truthy and returns that value. */
export async function until(check, ms, what) {
  const deadline = performance.now() + ms
  for (;;) {
    const value = check()
    if (value) return value
    if (performance.now() > deadline) throw new Error(`Waited ${ms} ms for ${what}`)
    await sleep(5)
  }
}

/** Where the lock file of a destination is, by the rule that older programs follow too. */
export function lockPathOf(destPath, locksDir = join(dirname(destPath), '.locks')) {
  return join(locksDir, `${resolve(destPath).replace(/[^A-Za-z0-9_.-]/g, '_')}.lock`)
}

/** The lock file's JSON; undefined when there is none. */
export function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/** The PID of a process that has ended. */
export async function deadPid() {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await new Promise((done) => child.on('exit', done))
  return child.pid
}

/** Every file under a directory, as sorted relative paths. Directories do not count. */
export async function filesUnder(dir) {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(dir.length + 1))
    .sort()
}

export const hashOf = (path) => createHash('sha256').update(readFileSync(path)).digest('hex')
