// Setup that every lock spec needs: a temporary directory, an origin, child processes that end with
// the test, and functions that inspect the file system.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { startOrigin } from '../origins/lock-origin.mjs'
import { temporaryDirectory } from '../support.mjs'
import { spawnJob } from './job-process.mjs'

/** A directory, a destination in it and an origin; all of it is cleared away after the test. */
export async function setStage(t, originOptions) {
  const origin = await startOrigin(originOptions)
  const children = []
  t.after(async () => {
    await Promise.all(children.map((child) => child.end()))
    await origin.close()
  })
  const dir = temporaryDirectory(t)
  const dest = join(dir, 'tool.bin')
  return {
    dir,
    dest,
    lock: lockPathOf(dest),
    origin,
    /** Runs `lock-<name>.mjs` with a job; url and destPath are those of the stage unless given. */
    start(name, job = {}, { cwd } = {}) {
      const known = { url: origin.url, destPath: dest }
      const child = spawnJob(`lock-${name}`, { ...known, ...job }, { cwd })
      children.push(child)
      return child
    },
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
