// Runs a program of the toolchain, and returns what it prints.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

export function output(command, args, options = {}) {
  const { error, status, stdout } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 30,
    ...options,
  })
  if (error) throw new Error(`${command} cannot be run: ${error.message}. Is it installed?`)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`)
  return stdout
}
