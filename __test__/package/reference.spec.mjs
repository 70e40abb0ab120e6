// The reference is complete, and its tables of options say what the types say.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { membersIn, optionsIn, tablesIn, withTables } from '../../scripts/option-tables.mjs'

const PAGES = new URL('../../docs/reference/', import.meta.url)
const read = (name, base = PAGES) => readFileSync(new URL(name, base), 'utf8')
/** The pages that say what functions and members are. */
const described = [...readdirSync(PAGES), '../observability.md']
const types = read('../../index.d.ts', import.meta.url)
const require = createRequire(import.meta.url)

const SAMPLE = `
export interface Sample extends Other {}

export interface Sample {
  /**
   * Text | that goes
   * on.
   *
   * A second paragraph.
   *
   * @default none: \`A\` or \`B\`
   */
  body?: string | import('node:stream').Readable | null | undefined
  /** @default {} */
  nested?: { default?: number | undefined; [name: string]: number | undefined } | undefined
  /**
   * Called.
   *
   * @default 30000
   */
  onCall?: ((error: Error) => boolean | void | undefined) | undefined
  /**
   * Refused.
   *
   * @default none
   */
  never?: undefined
}
`

const marked = (name, content = '') => `a\n<!-- options: ${name} -->\n${content}<!-- end -->\nb`

test('a table has the name, type, default and meaning of each option', () => {
  const described = SAMPLE.replace('/** @default {} */', '/**\n * Nested.\n *\n * @default {} */')
  const table = `
| option | type | default | meaning |
| --- | --- | --- | --- |
| \`body\` | \`string \\| Readable \\| null\` | none: \`A\` or \`B\` | Text \\| that goes on. |
| \`nested\` | \`{ default?: number; [name: string]: number; }\` | \`{}\` | Nested. |
| \`onCall\` | \`(error: Error) => boolean \\| void\` | \`30000\` | Called. |
| \`never\` | \`undefined\` | none | Refused. |

`
  const document = withTables(marked('Sample', 'old\n'), described)
  assert.equal(document, marked('Sample', table))
  assert.equal(withTables(document, described), document)
})

test('an option without a meaning or without a default is refused', () => {
  assert.throws(() => withTables(marked('Sample'), SAMPLE), /Sample\.nested has no comment/)
  const bare = 'export interface Sample {\n/** Some. */\nbare?: number\n}'
  assert.throws(() => withTables(marked('Sample'), bare), /Sample\.bare has no @default/)
})

test('a table may show several interfaces', () => {
  const other = 'export interface Base {\n/**\n * Basic.\n *\n * @default 1 */\nbase?: number\n}'
  const named = SAMPLE.replace('/** @default {} */', '/**\n * Nested.\n *\n * @default {} */')
  const document = withTables(marked('Sample Base'), `${named}${other}`)
  assert.match(document, /`never`.*\n\| `base` \| `number` \| `1` \| Basic\. \|\n\n<!-- end -->/)
  assert.deepEqual(tablesIn(document), ['Sample', 'Base'])
})

test('a table of an interface that is gone is refused', () => {
  assert.throws(() => withTables(marked('Gone'), SAMPLE), /no interface Gone/)
})

for (const name of readdirSync(PAGES)) {
  test(`the tables of docs/reference/${name} are those of the types`, () => {
    const page = read(name)
    assert.equal(page, withTables(page, types), 'npm run reference writes them')
  })
}

test('each interface of options is in a table', () => {
  const tables = readdirSync(PAGES).flatMap((name) => tablesIn(read(name)))
  assert.deepEqual([...new Set(tables)].sort(), optionsIn(types).sort())
})

test('each function and class is on a page', () => {
  const pages = described.map((name) => read(name)).join('\n')
  const missing = Object.keys(require('../../lib/index.js')).filter(
    (name) => !new RegExp(`(?:\`|function |^#+ )${name}\\b`, 'm').test(pages),
  )
  assert.deepEqual(missing, [])
})

test('each member of a result and of a class is in a table', () => {
  const rows = described.flatMap((name) => read(name).match(/^\|.*$/gm) ?? [])
  const words = new Set(
    rows
      .flatMap((row) => row.match(/`[^`]*`/g) ?? [])
      .join(' ')
      .match(/\w+/g),
  )
  const missing = [...membersIn(types)].flatMap(([owner, members]) =>
    members.filter((name) => !words.has(name)).map((name) => `${owner}.${name}`),
  )
  assert.ok(membersIn(types).size > 12, 'members are found')
  assert.deepEqual(missing, [])
})

test('each entry point is in the table of entry points', () => {
  const table = read('../HTTP_UTILITIES.md').split('## Entry points')[1].split('\n\n')[1]
  const { exports } = require('../../package.json')
  const missing = Object.keys(exports).filter((path) => {
    const within = path.split('/').slice(3).join('/')
    return !table.includes(within ? `/${within}\`` : `socketsecurity/registry${path.slice(1)}\``)
  })
  assert.deepEqual(missing, [])
})

test('each environment variable that is read is in the table of variables', () => {
  const table = read('environment.md').split('## Variables')[1].split('\n\n')[1].toLowerCase()
  const rust = read('../../src/node/environment/variables.rs', import.meta.url)
  const [, list] = rust.match(/VARIABLES: \[&str; \d+\] = \[(.*?)\];/s)
  const ours = [...list.matchAll(/"(\w+)"/g)].map(([, name]) => name)
  const scripts = new URL('../../lib/', import.meta.url)
  const theirs = readdirSync(scripts)
    // Messages of load-failure.js name variables that are not read.
    .filter((name) => name.endsWith('.js') && name !== 'load-failure.js')
    .flatMap((name) => read(name, scripts).match(/\b(?:NAPI_RS|NODE|SOCKET)_[A-Z_]+\b/g) ?? [])
  assert.ok(ours.length > 10 && theirs.length > 1, 'variables are found')
  const missing = [...ours, ...theirs].filter(
    (name) => !table.includes(`\`${name.toLowerCase()}\``),
  )
  assert.deepEqual(missing, [])
})
