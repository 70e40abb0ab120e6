// Two processes and one lock. Both functions resolve with milliseconds.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { actor } from '../../child.mjs'
import { serveOnCommand } from '../../servers/on-command.mjs'

/** So long a waiter has to begin its wait, over and above the random time. */
const BEGIN = 50

const between = (from, to) => Number(BigInt(to) - BigInt(from)) / 1e6

/**
 * The time from the moment at which the server ends the response to the holder to that at which it
 * has the request of the waiter: one clock, and all that lies between, two times the network
 * included. The response is an error, for after a success the waiter would have nothing to request.
 * Both processes have made a request before.
 */
export async function handOffOfOurs(directory, hold) {
  const server = await serveOnCommand()
  const spec = { url: server.url, hello: server.hello, file: join(directory, 'program') }
  const [holder, waiter] = [actor('waiter.mjs', spec), actor('waiter.mjs', spec)]
  try {
    await Promise.all([holder.hears('ready'), waiter.hears('ready')])
    const [first, second] = [server.next(), server.next()]
    holder.tell('go')
    const { response } = await first
    const waiting = waiter.hears('waiting')
    waiter.tell('go')
    await waiting
    await sleep(BEGIN + hold)

    const [failed, done] = [holder.hears('failed'), waiter.hears('done')]
    const ended = process.hrtime.bigint()
    response.writeHead(500).end()
    const request = await second
    request.response.end('program')
    await Promise.all([failed, done])
    return between(ended, request.at)
  } finally {
    holder.end()
    waiter.end()
    server.stop()
  }
}

/**
 * The time from the moment before the holder calls `unlock` to that at which `lock` of the waiter
 * resolves.
 */
export async function handOffOfProperLockfile(directory, hold) {
  const spec = { file: join(directory, 'program') }
  const [holder, waiter] = [actor('locked.mjs', spec), actor('locked.mjs', spec)]
  try {
    await Promise.all([holder.hears('ready'), waiter.hears('ready')])
    const held = holder.hears('locked')
    holder.tell('go')
    await held
    const [waiting, locked] = [waiter.hears('waiting'), waiter.hears('locked')]
    waiter.tell('go')
    await waiting
    await sleep(BEGIN + hold)

    const unlocks = holder.hears('unlocks')
    holder.tell('unlock')
    return between((await unlocks).at, (await locked).at)
  } finally {
    holder.end()
    waiter.end()
  }
}
