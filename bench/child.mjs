// Measurements run in processes of their own: nothing that one contender leaves in memory meets
// another.

import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { atExit } from './cleanup.mjs'
import { PATH } from './prepare.mjs'

const LONGEST = 300_000

const script = (name) => fileURLToPath(new URL(`measure/${name}`, import.meta.url))

/**
 * The same few variables for everyone: proxies and certificates of the user would change what is
 * measured. Where our addon lies is for us alone, because other addons have loaders of the same
 * make.
 */
function environment(id = 'ours', ca) {
  const addon = process.env.NAPI_RS_NATIVE_LIBRARY_PATH
  return {
    PATH,
    HOME: process.env.HOME,
    LC_ALL: 'C',
    ...(ca && { NODE_EXTRA_CA_CERTS: ca }),
    ...(addon && id.startsWith('ours') && { NAPI_RS_NATIVE_LIBRARY_PATH: addon }),
  }
}

/** Runs `measure/<name>` with `spec`; resolves with the last JSON object that it prints. */
export async function measure(name, spec, ca) {
  const args = [script(name), JSON.stringify(spec)]
  const child = spawn(process.execPath, args, { env: environment(spec.id, ca), timeout: LONGEST })
  endWithUs(child)
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  try {
    return JSON.parse(output.split('\n').findLast((line) => line.startsWith('{')))
  } catch {
    throw new Error(lastLines(errors) || `ended by ${child.signalCode ?? child.exitCode}`)
  }
}

/**
 * Runs `measure/<name>` with `spec`; resolves with the JSON that it prints, and how long it lived.
 */
export async function wholeProcess(name, spec, ca) {
  const args = [script(name), JSON.stringify(spec)]
  const started = performance.now()
  const child = spawn(process.execPath, args, { env: environment(spec.id, ca), timeout: LONGEST })
  endWithUs(child)
  const ended = once(child, 'exit').then(([status]) => [status, performance.now() - started])
  const [output, errors, [status, wall]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    ended,
  ])
  if (status !== 0) throw new Error(lastLines(errors) || `ended by ${child.signalCode ?? status}`)
  return { wall, result: JSON.parse(output) }
}

/** A process that takes part in a scene: it is told what to do, and tells what happened. */
export function actor(name, spec) {
  const child = endWithUs(fork(script(name), [JSON.stringify(spec)], { env: environment(spec.id) }))
  return {
    child,
    tell: (message) => child.send(message),
    /**
     * Resolves with the next message that has this event; rejects when the process ends instead.
     */
    hears(event) {
      const heard = new Promise((resolve, reject) => {
        const listen = (message) => {
          if (message.error) reject(new Error(message.error))
          if (message.event === event) resolve(message)
        }
        child.on('message', listen)
        child.once('exit', () => reject(new Error(`${name} ended before it was "${event}"`)))
      })
      // When a scene fails, nobody waits for the rest of it.
      heard.catch(() => {})
      return heard
    },
    end: () => child.kill(),
  }
}

function endWithUs(child) {
  const end = atExit(() => child.kill('SIGKILL'))
  // Also forgets the process, so that a long run does not gather them.
  child.once('exit', end)
  return child
}

const lastLines = (text) => text.trim().split('\n').slice(-12).join('\n')
