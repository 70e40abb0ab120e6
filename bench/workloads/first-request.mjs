// The cost of a command-line tool that makes one request: the whole process, from start to end.

import { deepStrictEqual } from 'node:assert'
import { readFileSync } from 'node:fs'
import { wholeProcess } from '../child.mjs'
import { wall } from './kinds/units.mjs'

const ROUNDS = 15

export default {
  metrics: [
    { ...wall, label: 'time of the process' },
    { key: 'cpu', label: 'CPU', unit: 'ms', better: 'lower' },
  ],
  title: () => 'A process that loads a client, gets 1 KB of JSON over TLS 1.3, and ends',
  rounds: (rounds) => Math.max(ROUNDS, rounds),
  entries: () => [
    { id: 'ours', name: '@socketsecurity/registry', kind: 'ours' },
    { id: 'none', name: 'Node.js alone, no request', kind: 'node' },
    { id: 'node-http', name: 'node:https', kind: 'node' },
    { id: 'fetch', name: 'fetch', kind: 'node' },
    { id: 'undici', name: 'undici', kind: 'npm' },
    { id: 'got', name: 'got', kind: 'npm' },
  ],
  measure: (context) => {
    const { name, path } = context.json(1000)
    const expected = JSON.parse(readFileSync(path, 'utf8'))
    const spec = { url: context.servers.tls + name, ca: readFileSync(context.ca, 'utf8') }
    return async ({ id }) => {
      // The variable costs each process that has it the reading of a file; only fetch needs it.
      const variable = id === 'fetch' ? context.ca : undefined
      const { wall, result } = await wholeProcess('first-request.cjs', { id, ...spec }, variable)
      if (id !== 'none') deepStrictEqual(result.json, expected)
      return { wall, cpu: result.cpu }
    }
  },
}
