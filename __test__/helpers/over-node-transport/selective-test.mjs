// `node:test` without the tests of skipped.json.

import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import * as original from 'node:test'

export { after, afterEach, before, beforeEach, mock } from 'node:test'

const list = JSON.parse(readFileSync(new URL('skipped.json', import.meta.url), 'utf8'))
const path = process.argv[1]
const reasons = list[`${basename(dirname(path))}/${basename(path)}`] ?? {}
const unused = new Set(Object.keys(reasons))

/** `test`, or `describe`, without what is in the list. */
function selective(run) {
  const selected = (name, ...others) => {
    const reason = reasons[name]
    if (reason === undefined) return run(name, ...others)
    unused.delete(name)
    return run(name, { skip: reason }, () => {})
  }
  return Object.assign(selected, run)
}

export const test = selective(original.test)
export const describe = selective(original.describe)
export default test

process.on('exit', () => {
  if (unused.size === 0) return
  console.error(`skipped.json names tests that are not in ${path}:`, [...unused])
  process.exitCode = 1
})
