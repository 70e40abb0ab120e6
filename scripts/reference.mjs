// npm run reference: the tables of options in docs/reference, from the comments in index.d.ts, and
// those of what is counted in docs/observability.md, from the addon.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { withMetrics } from './metrics-tables.mjs'
import { withTables } from './option-tables.mjs'

const root = new URL('../', import.meta.url)
const pages = new URL('docs/reference/', root)
const types = readFileSync(new URL('index.d.ts', root), 'utf8')

for (const name of readdirSync(pages)) {
  const page = new URL(name, pages)
  const before = readFileSync(page, 'utf8')
  const after = withTables(before, types)
  if (after === before) continue
  writeFileSync(page, after)
  console.log(`docs/reference/${name} has other tables now`)
}

const observability = new URL('docs/observability.md', root)
const { metricsTable } = createRequire(import.meta.url)('../lib/native.js')
const page = readFileSync(observability, 'utf8')
const current = withMetrics(page, metricsTable())
if (current !== page) {
  writeFileSync(observability, current)
  console.log('docs/observability.md has other tables now')
}
