// How the time grows with the file: where does the cost of a call end, and that of its bytes begin?

import { able } from '../contenders/index.mjs'
import { download } from './kinds/downloads.mjs'
import { cpu, fewer, memory, wall } from './kinds/units.mjs'

const SIZES = { full: [1, 4, 16, 64, 256, 1024], quick: [1, 8, 64] }
const IDS = ['ours', 'node-http', 'curl']

export default {
  metrics: [wall, cpu, memory],
  title: () => 'Download over HTTP by size of the file',
  rounds: fewer,
  x: { label: 'size', unit: 'MiB' },
  entries: ({ quick }) =>
    SIZES[quick ? 'quick' : 'full'].flatMap((x) =>
      able('download', IDS).map((contender) => ({ ...contender, x })),
    ),
  measure: (context) => (entry, round) =>
    download(context, entry, { server: 'http', method: 'download', size: entry.x, round }),
}
