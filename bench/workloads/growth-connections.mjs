// How much faster further connections are, where the server is slow for each.

import { able } from '../contenders/index.mjs'
import { MEBIBYTES_PER_SECOND } from '../servers/nginx.mjs'
import { download } from './kinds/downloads.mjs'
import { cpu, fewer, memory, wall } from './kinds/units.mjs'

const COUNTS = { full: [1, 2, 4, 8, 16], quick: [1, 8] }
const MEBIBYTES = { full: 256, quick: 32 }
const IDS = ['ours-connections', 'aria2c-connections']

export default {
  metrics: [wall, cpu, memory],
  title: ({ quick }) =>
    `Download of ${MEBIBYTES[quick ? 'quick' : 'full']} MiB at ${MEBIBYTES_PER_SECOND} MiB/s for each connection, by connections`,
  rounds: fewer,
  x: { label: 'connections', unit: '' },
  entries: ({ quick }) =>
    COUNTS[quick ? 'quick' : 'full'].flatMap((x) =>
      able('download', IDS).map((contender) => ({
        ...contender,
        x,
        settings: { connections: x },
      })),
    ),
  measure: (context) => (entry, round) => {
    const size = MEBIBYTES[context.quick ? 'quick' : 'full']
    return download(context, entry, { server: 'slow', method: 'download', size, round })
  },
}
