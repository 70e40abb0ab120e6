// One file to disk, by each contender that can do that.

import { join } from 'node:path'
import { measure } from '../../child.mjs'
import { able, unable } from '../../contenders/index.mjs'
import { sync } from '../../prepare.mjs'
import { cpu, elu, memory, wall } from './units.mjs'

const WARM_UP = 4

/**
 * `server`: which of nginx's; `method`: of the contenders; `mebibytes`: `{ full, quick }`;
 * `through`: what starts a server in front of nginx.
 */
export const downloads = ({ title, server, method, mebibytes, ids, quickIds, through }) => ({
  metrics: [wall, cpu, memory, elu],
  title: ({ quick }) => `${title}: ${quick ? mebibytes.quick : mebibytes.full} MiB`,
  entries: ({ quick }) => able(method, (quick && quickIds) || ids),
  leftOut: () => (ids ? [] : unable(method)),
  measure: (context) => {
    const size = context.quick ? mebibytes.quick : mebibytes.full
    return (entry, round) => download(context, entry, { server, method, size, round, through })
  },
})

/** Also used where the size is what changes. */
export async function download(context, { id, program, settings }, measured) {
  const { server, method, size, round, through } = measured
  const front = await through?.(context.servers[server])
  const offer = (file) => ({ ...file, url: (front?.url ?? context.servers[server]) + file.name })
  const spec = {
    id,
    method,
    small: offer(context.file(WARM_UP)),
    large: offer(context.file(size)),
    file: join(context.directory, `${id}.download`),
    // The bytes of the small file are checked in every round, those of the large one in the first.
    thorough: round === 0,
    settings: settings ?? {},
  }
  sync()
  try {
    return await measure(program ? 'program.mjs' : 'download.mjs', spec, context.ca)
  } finally {
    front?.stop()
  }
}
