// The cost of waiting for one lock, and the time until all waiters go on, by the number of waiters.

import { join } from 'node:path'
import { max, sum } from 'simple-statistics'
import { actor } from '../child.mjs'
import { serveOnCommand } from '../servers/on-command.mjs'
import { fewer } from './kinds/units.mjs'

const COUNTS = { full: [1, 4, 16, 64], quick: [1, 4, 16] }

export default {
  metrics: [
    { key: 'last', label: 'until the last goes on', unit: 'ms', better: 'lower' },
    { key: 'cpu', label: 'CPU of all, per second of waiting', unit: 'ms', better: 'lower' },
  ],
  title: () => 'Waiting for one lock by the number of processes that wait',
  rounds: fewer,
  x: { label: 'waiters', unit: '' },
  entries: ({ quick }) =>
    COUNTS[quick ? 'quick' : 'full'].map((x) => ({
      id: 'ours',
      name: '@socketsecurity/registry',
      kind: 'ours',
      x,
    })),
  measure: (context) => (entry) => wait(context.fresh('waiters'), entry.x),
}

async function wait(directory, count) {
  const server = await serveOnCommand()
  const spec = { url: server.url, hello: server.hello, file: join(directory, 'program') }
  const [holder, ...waiters] = Array.from({ length: count + 1 }, () => actor('waiter.mjs', spec))
  const all = (event) => Promise.all(waiters.map((waiter) => waiter.hears(event)))
  try {
    await Promise.all([holder.hears('ready'), all('ready')])
    const request = server.next()
    holder.tell('go')
    const { response } = await request
    const [costs, done] = [all('waited'), all('done')]
    for (const waiter of waiters) waiter.tell('go')
    const cpu = sum((await costs).map((cost) => cost.cpu))

    const ended = process.hrtime.bigint()
    response.end('program')
    const times = (await done).map(({ at }) => Number(BigInt(at) - ended) / 1e6)
    return { last: max(times), cpu }
  } finally {
    for (const each of [holder, ...waiters]) each.end()
    server.stop()
  }
}
