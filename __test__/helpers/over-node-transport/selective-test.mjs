// `node:test` without the tests of skipped.json.

import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import * as original from 'node:test'

export { after, afterEach, before, beforeEach, mock } from 'node:test'

const list = JSON.parse(readFileSync(new URL('skipped.json', import.meta.url), 'utf8'))
const path = process.argv[1]
const reasons = list[`${basename(dirname(path))}/${basename(path)}`] ?? {}
const unused = new Set(Object.keys(reasons))

/** Whether a name of the list, in which `*` is anything, is that of a test. */
function matches(listed, name) {
  const parts = listed.split('*').map((part) => part.replace(/[^\w\s]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(name)
}

/** `test`, or `describe`, without what is in the list. */
function selective(run) {
  const selected = (name, ...others) => {
    const listed = Object.keys(reasons).find((each) => matches(each, name))
    if (listed === undefined) return run(name, ...others)
    unused.delete(listed)
    return run(name, { skip: reasons[listed] }, () => {})
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
