// Which charts there are, and what each shows.

import { barPanel } from './bars.mjs'
import { linePanel } from './lines.mjs'
import { draw } from './svg.mjs'

const BARS = {
  downloads: ['download', 'download-tls', 'download-sha256'],
  requests: ['json-first', 'json', 'json-tls', 'json-h2', 'json-sequential'],
  caches: ['cache-memory', 'cache-memory-revalidated', 'cache-disk', 'cache-disk-revalidated'],
}

const LINES = {
  'growth-connections': ['wall'],
  'growth-size': ['wall'],
  'growth-concurrency': ['rate'],
  'growth-waiters': ['last', 'cpu'],
}

/** `[name, svg]` of each chart for which there are numbers. */
export function charts(workloads) {
  const measured = (name) => workloads.filter((workload) => workload.name === name)
  const bars = Object.entries(BARS).map(([name, names]) => [
    name,
    names.flatMap(measured).map(barPanel),
  ])
  const lines = Object.entries(LINES).map(([name, keys]) => [
    name,
    measured(name).flatMap((workload) => keys.map((key) => linePanel(workload, key))),
  ])
  return [...bars, ...lines]
    .filter(([, panels]) => panels.length > 0)
    .map(([name, panels]) => [name, draw(panels)])
}
