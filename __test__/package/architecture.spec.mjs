// The rooms of src/: each file uses only rooms before its own, and no files or folders use each other in a circle. The list of
// rooms, from the top to the ground, is the one that opens src/lib.rs.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url))
const files = readdirSync(SOURCE, { recursive: true })
  .filter((name) => name.endsWith('.rs'))
  .map((name) => name.replaceAll('\\', '/'))

/** `io/http` for `io/http/transport.rs` and for `io/http.rs`; a module without a folder is a room itself. */
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

/** The path of a file's module: `crate::io::file::lock` for `io/file/lock.rs` and for `io/file/lock/mod.rs`. */
const moduleOf = (file) => `crate::${file.replace(/(\/mod)?\.rs$/, '').replaceAll('/', '::')}`

/** Every path of the crate that a file names, with the groups of `use` taken apart. */
function pathsIn(file) {
  const self = moduleOf(file)
  const code = readFileSync(`${SOURCE}${file}`, 'utf8')
    // The tests of a file may know more than the file.
    .replace(/#\[cfg\(test\)\]\n(?:#.*\n)*mod tests \{[\s\S]*/, '')
    .replace(/#\[cfg\(.*\btest\b.*\)\]\n.*/g, '')
    .replace(/\/\/.*$/gm, '')
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
