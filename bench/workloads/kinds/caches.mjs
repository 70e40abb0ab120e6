// GETs of 1 KB of JSON that was fetched before.

import { measure } from '../../child.mjs'
import { CACHES } from '../../contenders/caches/index.mjs'
import { cpuPerRequest, elu, memory, rate } from './units.mjs'

/** As many as the goals speak of: looking one up among them must not take longer. */
const MANY = { full: 10_000, quick: 1000 }

/**
 * `place`: where responses are kept; `path`: how long nginx says that they are fresh, see
 * servers/nginx.mjs.
 */
export const caches = ({ title, place, path }) => ({
  metrics: [rate, { ...rate, key: 'many', label: 'of 10,000 URLs' }, cpuPerRequest, memory, elu],
  title: () => title,
  entries: () => CACHES[place],
  measure:
    (context) =>
    ({ id }) => {
      const { name, path: expected } = context.json(1000)
      const size = context.quick ? 'quick' : 'full'
      const spec = {
        id,
        place,
        directory: context.fresh('cache'),
        url: `${context.servers.http}${path}/${name}`,
        expected,
        many: MANY[size],
        concurrency: 16,
        duration: context.quick ? 200 : 1000,
      }
      return measure('cache.mjs', spec, context.ca)
    },
})
