// GETs of one JSON document, by each contender that can do that.

import { measure } from '../../child.mjs'
import { able, unable } from '../../contenders/index.mjs'
import { cpuPerRequest, elu, memory, p50, p99, rate } from './units.mjs'

/**
 * JavaScript is slow before it is compiled, and native code is not: a short warm-up favours this
 * package.
 */
const TIMES = {
  full: { warmUp: 1500, duration: 1500 },
  quick: { warmUp: 600, duration: 200 },
}

/**
 * `server`: which of nginx's; `method`: of the contenders; `bytes` of the document, so many at
 * once. With `count`, the first so many requests of a process, without a warm-up.
 */
export const requests = ({ title, count, ids, quickIds, ...spec }) => ({
  metrics: [rate, p50, p99, cpuPerRequest, memory, elu],
  title: () => title,
  entries: ({ quick }) => able(spec.method, (quick && quickIds) || ids),
  leftOut: () => (ids ? [] : unable(spec.method)),
  measure: (context) => (entry) =>
    request(context, entry, { ...spec, ...(count ? { count } : times(context)) }),
})

export const times = ({ quick }) => (quick ? TIMES.quick : TIMES.full)

/** Also used where the concurrency is what changes. */
export function request(context, { id }, { server, bytes, ...spec }) {
  const { name, path } = context.json(bytes)
  const url = context.servers[server] + name
  return measure('requests.mjs', { id, url, expected: path, ...spec }, context.ca)
}
