// Files for those who work on the package: what they say is so.

import assert from 'node:assert/strict'
import { execSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { load } from 'js-yaml'
import semver from 'semver'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FORM = '.github/ISSUE_TEMPLATE/bug.yml'
const read = (path) => readFileSync(join(ROOT, path), 'utf8')

/**
 * Files of the repository, but none that was installed or built. Without git, which containers
 * lack.
 */
function filesIn(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name)
    if (/^(node_modules|target|\.git)$/.test(entry.name)) return []
    return entry.isDirectory() ? filesIn(path) : [path]
  })
}
const files = filesIn('')

describe('the settings of GitHub', () => {
  test('are valid YAML', () => {
    const settings = files.filter((path) => /^\.github\/.*\.yml$/.test(path))
    assert.ok(settings.includes(FORM))
    for (const path of settings) assert.equal(typeof load(read(path)), 'object', path)
  })

  test('update every directory that has a lock file', () => {
    const { updates } = load(read('.github/dependabot.yml'))
    const updated = (system) =>
      updates
        .filter((update) => update['package-ecosystem'] === system)
        .flatMap(({ directory, directories = [directory] }) => directories)
        .sort()
    const locked = (name) =>
      files
        .filter((path) => path === name || path.endsWith(`/${name}`))
        .map((path) => posix.join('/', posix.dirname(path)).replace(/(.)\/$/, '$1'))
        .sort()
    assert.deepEqual(updated('cargo'), locked('Cargo.lock'))
    assert.deepEqual(updated('npm'), locked('package-lock.json'))
    assert.deepEqual(updated('github-actions'), ['/'])
  })

  test('ask in a bug report for the text of doctor, which has no passwords', () => {
    const { body } = load(read(FORM))
    const { description } = body.find(({ id }) => id === 'doctor').attributes
    const [, command] = description.match(/^```\n(.*)\n```$/m)
    const env = { ...process.env, HTTP_PROXY: 'http://user:secret@127.0.0.1:1' }
    const asked = command.replace('https://…', 'http://a.invalid/?token=secret')
    const printed = execSync(asked, { cwd: ROOT, encoding: 'utf8', env })
    assert.match(printed, /^@socketsecurity\/registry \d+\.\d+\.\d+: doctor$/m)
    assert.match(printed, /registry\.[\w-]+\.node/)
    assert.match(printed, /HTTP_PROXY=http:\/\/127\.0\.0\.1:1/)
    assert.doesNotMatch(printed, /secret/)
  })
})

describe('versions', () => {
  test('of the oldest Rust and Node.js are those of the manifests, wherever they are named', () => {
    const [, rust] = read('Cargo.toml').match(/^rust-version = "(.*)"$/m)
    const node = semver.minVersion(JSON.parse(read('package.json')).engines.node).major
    const named = ['README.md', 'CONTRIBUTING.md', 'docs/building.md'].flatMap((path) =>
      [...read(path).matchAll(/(Node\.js|Rust)\s+([\d.]+)\s+or\s+later/g)].map(
        ([, name, version]) => [path, name, version],
      ),
    )
    assert.ok(named.length >= 6)
    for (const [path, name, version] of named) {
      assert.equal(version, name === 'Rust' ? rust : `${node}`, `${path}: ${name}`)
    }
  })

  test('of Node.js for working on the package is one that CI tests', () => {
    const { test: job } = load(read('.github/workflows/ci.yml')).jobs
    assert.ok(job.strategy.matrix.node.includes(Number(read('.node-version'))))
  })
})

describe('Markdown', () => {
  const documents = files.filter((path) => path.endsWith('.md'))

  /** The names by which GitHub links to headings, and names that are written out. */
  function anchorsOf(path) {
    const text = read(path).replaceAll(/^```[\s\S]*?^```/gm, '')
    const seen = new Map()
    const headings = [...text.matchAll(/^#+ +(.*)$/gm)].map(([, heading]) => {
      const slug = heading
        .toLowerCase()
        .replaceAll(/\]\([^)]*\)/g, '')
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-')
      const count = seen.get(slug) ?? 0
      seen.set(slug, count + 1)
      return count ? `${slug}-${count}` : slug
    })
    return new Set([...headings, ...[...text.matchAll(/<a id="([^"]+)"/g)].map(([, id]) => id)])
  }

  test('links to files and headings that are there', () => {
    const broken = []
    let count = 0
    for (const path of documents) {
      const text = read(path)
        .replaceAll(/^```[\s\S]*?^```/gm, '')
        .replaceAll(/`[^`\n]*`/g, '')
      for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(link)) continue
        count += 1
        const [file, anchor] = link.split('#')
        const target = file ? posix.join(posix.dirname(path), file) : path
        if (!existsSync(join(ROOT, target))) broken.push(`${path}: ${link}`)
        else if (anchor && target.endsWith('.md') && !anchorsOf(target).has(anchor))
          broken.push(`${path}: ${link}`)
      }
    }
    assert.ok(count > 50)
    assert.deepEqual(broken, [])
  })

  test('lists no error twice', () => {
    const rows = [...read('docs/errors.md').matchAll(/^\| (?!---)([^|]+\|[^|]+)\|/gm)]
    const errors = rows.map(([, row]) => row.trim()).filter((row) => row.startsWith('`'))
    assert.ok(errors.length > 60)
    assert.deepEqual(
      errors.filter((row, index) => errors.indexOf(row) !== index),
      [],
    )
  })
})
