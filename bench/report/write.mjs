import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { charts } from './charts.mjs'
import { document } from './tables.mjs'

/** latest.json with every round, table.md, and the charts of what was measured. */
export function write(results, directory) {
  mkdirSync(directory, { recursive: true })
  const save = (name, text) => writeFileSync(join(directory, name), text)
  save('latest.json', `${JSON.stringify(results, null, 2)}\n`)
  save('table.md', document(results))
  for (const [name, svg] of charts(results.workloads)) save(`${name}.svg`, svg)
}
