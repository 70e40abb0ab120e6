// Documents that quote the results: what stands between two marks in them is what the last whole
// run gave.

import { readFileSync, writeFileSync } from 'node:fs'

const MARKED = /(<!-- goals -->\n).*?(<!-- \/goals -->)/s

export function quoteGoals(document, table) {
  if (!MARKED.test(document)) throw new Error('There is no place for goals: <!-- goals -->')
  return document.replace(MARKED, (_, begin, end) => `${begin}\n${table}\n\n${end}`)
}

export function quoteInto(file, table) {
  writeFileSync(file, quoteGoals(readFileSync(file, 'utf8'), table))
}
