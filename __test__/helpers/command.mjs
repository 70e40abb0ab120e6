// The command `socket-registry`, run as its users run it.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const COMMAND = fileURLToPath(new URL('../../lib/command/main.js', import.meta.url))

/** Neither proxies nor limits of who runs the tests. */
export function environment(more = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !/_proxy$|^SOCKET_/i.test(name))
  return { ...Object.fromEntries(kept), ...more }
}

/**
 * Starts the command. `ended` resolves with `{ code, signal, stdout, stderr }`; `said(pattern)`
 * when standard error has such a text.
 */
export function startCommand(args, { cwd, env, execArgv = [] } = {}) {
  const child = spawn(process.execPath, [...execArgv, COMMAND, ...args], {
    cwd,
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      texts[name] += text
    })
  }
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, ...texts }))
  })
  return { child, ended, texts }
}

export const runCommand = (args, options) => startCommand(args, options).ended
