// Comments and prose stay within 100 columns: tables, code, links and generated files apart.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const COLUMNS = 100
/** Written by scripts. */
const GENERATED = /^(index\.d\.ts|npm\/|bench\/results\/)/

const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' })
  .split('\0')
  .filter((path) => path && !GENERATED.test(path))

const linesOf = (path) => readFileSync(`${ROOT}${path}`, 'utf8').split('\n')

/** Where a file has lines that are too long, of those that count. */
function longLines(path, counts) {
  return linesOf(path).flatMap((line, index) =>
    counts(line) && line.length > COLUMNS ? [`${path}:${index + 1}`] : [],
  )
}

test('comments do', () => {
  const sources = tracked.filter((path) => /\.(rs|[cm]?[jt]s)$/.test(path))
  const isComment = (line) => /^\s*(\/\/|\/?\*\*? )/.test(line)
  assert.ok(sources.length > 300)
  assert.deepEqual(
    sources.flatMap((path) => longLines(path, isComment)),
    [],
  )
})

test('prose does', () => {
  const documents = tracked.filter((path) => path.endsWith('.md'))
  assert.ok(documents.length > 30)
  const long = documents.flatMap((path) => {
    let isCode = false
    return longLines(path, (line) => {
      if (/^\s*```/.test(line)) isCode = !isCode
      // A link cannot be broken everywhere.
      return !isCode && !/^\s*([|<]|!?\[|[-*] (<a|\[))/.test(line)
    })
  })
  assert.deepEqual(long, [])
})
