// Helpers that several specs share, apart from servers.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export { setTimeout as sleep } from 'node:timers/promises'

/**
 * A new directory, removed after the test. What still writes to it then, a process or a thread that
 * another hook ends, may keep it: it is removed when this process ends.
 */
export function temporaryDirectory(t, prefix = 'registry-test-') {
  const directory = mkdtempSync(join(tmpdir(), prefix))
  const remove = (retries) =>
    rmSync(directory, { recursive: true, force: true, maxRetries: retries, retryDelay: 50 })
  t.after(() => {
    try {
      remove(2)
    } catch {
      process.on('exit', () => remove(10))
    }
  })
  return directory
}

/** The reason for which a promise rejects; it must reject. */
export async function rejection(promise) {
  let value
  try {
    value = await promise
  } catch (error) {
    return error
  }
  assert.fail(`expected a rejection, got ${value}`)
}

/** The codes of an error and of the causes behind it. */
export function codes(error) {
  const found = []
  for (let each = error, depth = 0; each && depth < 10; each = each.cause, depth += 1) {
    if (each.code !== undefined) {
      found.push(each.code)
    }
  }
  return found
}

/**
 * Waits until a condition, or its promise, is truthy, and returns that value. Fails after a time
 * that only a fault takes, however busy the machine is.
 */
export async function until(condition, what, milliseconds = 30_000) {
  const deadline = performance.now() + milliseconds
  for (;;) {
    const value = await condition()
    if (value) return value
    assert.ok(performance.now() < deadline, `waited ${milliseconds} ms in vain for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** The time a promise takes, in milliseconds, whichever way it settles. */
export async function duration(promise) {
  const start = performance.now()
  await promise.catch(() => {})
  return performance.now() - start
}

/**
 * Runs a program of `processes/` to its end. `marked` is when it printed the line `mark`, so that a
 * spec can tell how long it lived after that.
 *
 * @param {string} name
 * @param {string[]} [args]
 * @param {{ mark?: string, limit?: number }} [options] killed after `limit` milliseconds
 */
export function runProgram(name, args = [], { mark = 'settled', limit = 120_000 } = {}) {
  const path = fileURLToPath(new URL(`processes/${name}`, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const result = { stdout: '', stderr: '', code: null, signal: null, marked: 0, ended: 0 }
  const killer = setTimeout(() => child.kill('SIGKILL'), limit)
  child.stdout.setEncoding('utf8').on('data', (text) => {
    result.stdout += text
    if (result.marked === 0 && result.stdout.includes(mark)) {
      result.marked = performance.now()
    }
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    result.stderr += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', () => {
      result.ended = performance.now()
    })
    child.on('close', (code, signal) => {
      clearTimeout(killer)
      resolve(Object.assign(result, { code, signal }))
    })
  })
}

/** Runs `work(index)` for each index below `count`, so many at once. */
export async function eachOf(count, atOnce, work) {
  let next = 0
  const worker = async () => {
    while (next < count) {
      const index = next++
      await work(index)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
