// The examples in the comments of the types: each function and method has one, each compiles as a
// caller would write it, and each runs against a server on the loopback.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { temporaryDirectory } from '../helpers/support.mjs'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const API = 'https://api.example.com'
const require = createRequire(import.meta.url)
const types = readFileSync(`${ROOT}index.d.ts`, 'utf8')
const source = ts.createSourceFile('index.d.ts', types, ts.ScriptTarget.Latest, true)

/** The functions, classes and methods, and the examples in their comments. */
const examples = new Map()
for (const statement of source.statements) {
  if (ts.isFunctionDeclaration(statement)) examples.set(statement.name.text, exampleOf(statement))
  if (!ts.isClassDeclaration(statement)) continue
  examples.set(statement.name.text, exampleOf(statement))
  for (const member of statement.members.filter(ts.isMethodDeclaration)) {
    examples.set(`${statement.name.text}.${member.name.getText()}`, exampleOf(member))
  }
}

function exampleOf(node) {
  const tag = ts.getJSDocTags(node).find(({ tagName }) => tagName.text === 'example')
  const text = ts.getTextOfJSDocComment(tag?.comment) ?? ''
  return text.match(/^```js\n(.*)\n```$/s)?.[1]
}

const written = [...examples].filter(([, code]) => code)

test('each exported function, class and method has an example', () => {
  const exported = Object.keys(require('@socketsecurity/registry'))
  assert.deepEqual(
    exported.filter((name) => !examples.has(name)),
    [],
    'in the types',
  )
  assert.deepEqual(
    [...examples].filter(([, code]) => !code).map(([name]) => name),
    [],
    'with an example',
  )
})

test('each example is about its subject, and short', () => {
  for (const [name, code] of written) {
    const [owner, member] = name.split('.')
    assert.match(code, new RegExp(`\\b${member ?? owner}\\b`), name)
    assert.ok(code.split('\n').length <= 12, `${name} is long`)
    assert.ok(Math.max(...code.split('\n').map((line) => line.length)) <= 100, `${name} is wide`)
  }
})

test('the examples compile', () => {
  const files = new Map(
    written.map(([name, code]) => [`${ROOT}__test__/types/example.${name}.mts`, code]),
  )
  const options = {
    strict: true,
    exactOptionalPropertyTypes: true,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    types: ['node'],
    noEmit: true,
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile, readFile } = host
  host.fileExists = (name) => files.has(name) || fileExists(name)
  host.readFile = (name) => files.get(name) ?? readFile(name)
  host.getSourceFile = (name, ...rest) =>
    files.has(name)
      ? ts.createSourceFile(name, files.get(name), rest[0], true)
      : getSourceFile(name, ...rest)
  const program = ts.createProgram([...files.keys()], options, host)
  const faults = [...files.keys()].flatMap((name) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(name)),
  )
  assert.equal(ts.formatDiagnostics(faults, host), '')
})

describe('the examples run', () => {
  const digest = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'
  const { SOCKET_CACACHE_DIR } = process.env
  const cwd = process.cwd()
  const hooks = []
  const context = { after: (hook) => hooks.push(hook) }
  let directory
  let origin
  let local

  before(async () => {
    directory = temporaryDirectory(context)
    const bodies = { '/SHA256SUMS': `${digest}  tool.tgz\n`, '/tool.tgz': 'test' }
    origin = await startOrigin(context, ({ path }) => {
      const body = Object.entries(bodies).find(([end]) => path.endsWith(end))?.[1]
      return { body: body ?? '[{"name":"left-pad"}]' }
    })
    local = origin.url
    process.env.SOCKET_CACACHE_DIR = join(directory, 'cacache')
    mkdirSync(join(directory, 'work'))
    process.chdir(join(directory, 'work'))
  })

  after(() => {
    process.chdir(cwd)
    if (SOCKET_CACACHE_DIR === undefined) delete process.env.SOCKET_CACACHE_DIR
    else process.env.SOCKET_CACACHE_DIR = SOCKET_CACACHE_DIR
    for (const hook of hooks.reverse()) hook()
  })

  for (const [name, code] of written) {
    test(name, async (t) => {
      // An example that finds nothing in the cache, and one that removes it, follow one that fills
      // it.
      const { put } = require('@socketsecurity/registry/lib/cacache')
      await put('tool:1.0.0', 'text')
      const said = [
        t.mock.method(console, 'log', () => {}),
        t.mock.method(console, 'error', () => {}),
      ]
      const runnable = code
        .replaceAll(API, local)
        .replaceAll("from 'node:https'", "from 'node:http'")
        .replace(/'(@socketsecurity\/registry[^']*)'/g, (_, path) =>
          JSON.stringify(pathToFileURL(require.resolve(path))),
        )
      const file = join(directory, `${name}.mjs`)
      writeFileSync(file, runnable)
      await import(pathToFileURL(file))
      const errors = said[1].mock.calls.map(({ arguments: [text] }) => text)
      assert.deepEqual(errors, [], 'no example ends in its catch')
    })
  }
})
