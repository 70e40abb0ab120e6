// The rooms of src/: each file uses only rooms below its own, and no files or folders use each
// other in a circle. The list of rooms, from the top to the ground, is the one that opens
// src/lib.rs.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SOURCE = `${ROOT}src/`
/** The most lines of code of a file, without its tests. */
const LINES_MAX = 350
const files = readdirSync(SOURCE, { recursive: true })
  .filter((name) => name.endsWith('.rs'))
  .map((name) => name.replaceAll('\\', '/'))

/**
 * `io/http` for `io/http/transport.rs` and for `io/http.rs`; a module without a folder is a room
 * itself.
 */
const rooms = [
  ...readFileSync(`${SOURCE}lib.rs`, 'utf8').matchAll(/^\/\/! {3}(\S+)\/? {2,}\S/gm),
].map(([, room]) => room.replace(/\/$/, ''))

/** The file of a path such as `io::http::transport::Transport`, or nothing. */
function fileOf(segments) {
  for (let length = segments.length; length > 0; length -= 1) {
    const path = segments.slice(0, length).join('/')
    const found = [`${path}.rs`, `${path}/mod.rs`].find((each) => files.includes(each))
    if (found) return found
  }
  return undefined
}

/**
 * The path of a file's module: `crate::io::file::lock` for `io/file/lock.rs` and for
 * `io/file/lock/mod.rs`.
 */
const moduleOf = (file) => `crate::${file.replace(/(\/mod)?\.rs$/, '').replaceAll('/', '::')}`

/** The code of a file, without comments and tests. */
function codeOf(file) {
  return readFileSync(`${SOURCE}${file}`, 'utf8')
    .replace(/#\[cfg\(test\)\]\n(?:#.*\n)*mod tests \{[\s\S]*/, '')
    .replace(/#\[cfg\(.*\btest\b.*\)\]\n.*/g, '')
    .replace(/\/\/.*$/gm, '')
}

/** Every path of the crate that a file names, with the groups of `use` taken apart. */
function pathsIn(file) {
  const self = moduleOf(file)
  // The tests of a file may know more than the file.
  const code = codeOf(file)
    .replace(/\bsuper::/g, `${self.replace(/::\w+$/, '')}::`)
    .replace(/\bself::/g, `${self}::`)
  const found = []
  const expand = (prefix, rest) => {
    const open = rest.indexOf('{')
    if (open < 0) return found.push(`${prefix}${rest}`.trim())
    let depth = 0
    let start = open + 1
    for (let index = open; index < rest.length; index += 1) {
      if (rest[index] === '{') depth += 1
      if (rest[index] === '}') depth -= 1
      if ((rest[index] === ',' && depth === 1) || depth === 0) {
        expand(`${prefix}${rest.slice(0, open)}`, rest.slice(start, index).trim())
        start = index + 1
        if (depth === 0) return
      }
    }
  }
  for (const [, path] of code.matchAll(/\buse (crate::[^;]*);/g))
    expand('', path.replaceAll(/\s+/g, ' '))
  for (const [path] of code.matchAll(/\bcrate(?:::\w+)+/g)) found.push(path)
  return found.map((path) => path.split(' as ')[0].replaceAll(' ', '').split('::').slice(1))
}

/** For each file those that it uses; a file and its own folder are one. */
const uses = new Map(
  files.map((file) => {
    const used = pathsIn(file)
      .map(fileOf)
      .filter((other) => other && other !== file)
    return [file, new Set(used)]
  }),
)

const roomOf = (file) => rooms.find((room) => file.startsWith(`${room}/`) || file === `${room}.rs`)

/** Circles in a graph: components with more than one node. */
function circles(graph) {
  const state = new Map()
  const stack = []
  const found = []
  const visit = (node) => {
    const at = { index: state.size, low: state.size, isOpen: true }
    state.set(node, at)
    stack.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!state.has(next)) visit(next)
      if (state.get(next).isOpen) at.low = Math.min(at.low, state.get(next).low)
    }
    if (at.low === at.index) {
      const component = stack.splice(stack.indexOf(node))
      for (const each of component) state.get(each).isOpen = false
      if (component.length > 1) found.push(component)
    }
  }
  for (const node of graph.keys()) if (!state.has(node)) visit(node)
  return found
}

describe('the rooms', () => {
  test('are all in the list', () => {
    assert.ok(rooms.length > 5)
    assert.deepEqual(
      files.filter((file) => !roomOf(file) && file !== 'lib.rs' && !file.endsWith('/mod.rs')),
      [],
    )
  })

  test('are those of docs/architecture.md, in the same order', () => {
    const document = readFileSync(`${ROOT}docs/architecture.md`, 'utf8')
    const [, table] = document.split('| room | is for |')
    const named = [...table.split('\n\n')[0].matchAll(/^\| `(.*?)\/?` \|/gm)].map(
      ([, room]) => room,
    )
    assert.deepEqual(named, rooms)
  })

  test('have no file of more than 350 lines of code, without its tests', () => {
    const isTest = (file) => /(^|\/)tests(\.rs$|\/)/.test(file)
    const long = files
      .filter((file) => !isTest(file))
      .map((file) => [file, codeOf(file).match(/^.*\S.*$/gm)?.length ?? 0])
      .filter(([, lines]) => lines > LINES_MAX)
    assert.deepEqual(long, [])
  })

  test('use only rooms below them', () => {
    const up = []
    for (const [file, used] of uses) {
      for (const other of used) {
        if (
          roomOf(file) &&
          roomOf(other) &&
          rooms.indexOf(roomOf(other)) < rooms.indexOf(roomOf(file))
        )
          up.push(`${file} -> ${other}`)
      }
    }
    assert.deepEqual(up, [])
  })

  test('have no circle of files', () => {
    assert.deepEqual(circles(uses), [])
  })

  test('have no circle of folders, where a folder is part of the one around it', () => {
    const isWithin = (one, other) => `${one}/`.startsWith(`${other}/`)
    const folders = new Map()
    for (const [file, used] of uses) {
      const from = dirname(file)
      if (!folders.has(from)) folders.set(from, new Set())
      for (const to of [...used].map(dirname)) {
        if (!isWithin(from, to) && !isWithin(to, from)) folders.get(from).add(to)
      }
    }
    assert.deepEqual(circles(folders), [])
  })
})

describe('the tree in CONTRIBUTING.md', () => {
  const [, tree] = readFileSync(`${ROOT}CONTRIBUTING.md`, 'utf8').split(/## Layout\n\n```\n/)
  const above = []
  const paths = tree
    .split('```')[0]
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, indent, name] = line.match(/^( *)(\S+)/)
      above.length = indent.length / 2
      above.push(name)
      return above.join('')
    })

  test('names what is there', () => {
    assert.ok(paths.length > 40)
    assert.deepEqual(
      paths.filter((path) => !existsSync(`${ROOT}${path}`)),
      [],
    )
  })

  test('has every folder of src/ and of __test__/', () => {
    const foldersIn = (path) =>
      readdirSync(`${ROOT}${path}`, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
        .map(({ name }) => `${path}${name}/`)
    const src = foldersIn('src/')
    const inRooms = ['src/node/', 'src/io/', 'src/policy/'].flatMap(foldersIn)
    const wanted = [...src, ...inRooms, ...foldersIn('__test__/')]
    assert.deepEqual(
      wanted.filter((path) => !paths.includes(path)),
      [],
    )
  })
})
