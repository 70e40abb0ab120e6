// npm run reference: the tables of options in docs/reference, from the comments in index.d.ts.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
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
