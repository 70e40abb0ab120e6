// The part that the child programs share: the job from the command line, events to stdout.

import { once } from 'node:events'

export const job = JSON.parse(process.argv[2])

export function report(event, details = {}) {
  process.stdout.write(`${JSON.stringify({ event, pid: process.pid, ...details })}\n`)
}

export function reportFailure(error) {
  const { name, message, code, status, lockPath, holder } = error
  report('failed', { name, message, code, status, lockPath, holder })
}

/** Says "ready" and waits for a line on stdin; afterwards stdin keeps nothing alive. */
export async function waitForGo() {
  report('ready')
  await once(process.stdin, 'data')
  process.stdin.destroy()
}
