// Links of the documents lead somewhere: to a file of this repository, and to a heading or an
// anchor that is in it.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

function filesIn(folder, suffixes) {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .filter((name) => !name.includes('node_modules') && suffixes.some((end) => name.endsWith(end)))
    .map((name) => join(folder, name))
    .sort()
}

function documents() {
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'))
  return [...top, 'bench/README.md', ...filesIn('docs', ['.md'])]
}

const read = (name) => readFileSync(join(ROOT, name), 'utf8')

/** Without code, in which brackets and `#` mean other things. Lines stay where they are. */
function prose(markdown) {
  const blank = (code) => code.replace(/[^\n]/g, '')
  return markdown.replace(/^( *)(```+)[^\n]*\n.*?^\1\2`*$/gms, blank)
}

const withoutCode = (markdown) => prose(markdown).replace(/(`+)[^`].*?\1/g, '')

/** The anchor that GitHub gives a heading. */
function slug(heading) {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]/g, '')
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
}

function anchorsOf(markdown) {
  const anchors = new Set()
  const seen = new Map()
  for (const [, heading] of prose(markdown).matchAll(/^#{1,6} +(.+?)(?: +#+)?$/gm)) {
    const name = slug(heading)
    const times = seen.get(name) ?? 0
    anchors.add(times === 0 ? name : `${name}-${times}`)
    seen.set(name, times + 1)
  }
  for (const [, name] of withoutCode(markdown).matchAll(/<a (?:id|name)="([^"]+)"/g)) {
    anchors.add(name)
  }
  return anchors
}

function linksOf(markdown) {
  const text = withoutCode(markdown)
  const inline = text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)
  const references = text.matchAll(/^\[[^\]]+\]: *<?(\S+?)>?(?:\s+"[^"]*")?$/gm)
  return [...inline, ...references].map(([, target]) => target)
}

/** Why a link leads nowhere, or `undefined`. */
function faultOf(from, link) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(link)) return undefined
  const [path, anchor] = link.split('#').map(decodeURIComponent)
  const target = path ? join(dirname(from), path) : from
  if (relative(ROOT, join(ROOT, target)).startsWith('..')) return 'leads out of the repository'
  if (!existsSync(join(ROOT, target))) return 'no such file'
  if (anchor === undefined || !target.endsWith('.md')) return undefined
  return anchorsOf(read(target)).has(anchor) ? undefined : 'no such heading'
}

test('an anchor is what GitHub makes of a heading', () => {
  const markdown = [
    '# HTTP/1.1 and HTTP/2',
    '## Moving from `fetch()`',
    '## Example',
    '## Example',
    '### A [link](x.md#y), and snake_case',
    '```sh',
    '# not a heading',
    '```',
    '<a id="given"></a>',
  ].join('\n')
  assert.deepEqual(
    [...anchorsOf(markdown)],
    [
      'http11-and-http2',
      'moving-from-fetch',
      'example',
      'example-1',
      'a-link-and-snake_case',
      'given',
    ],
  )
})

test('links are found in prose, and not in code', () => {
  const markdown = [
    '[a](a.md#b) and ![c](c.svg "title"), `[d](d.md)`',
    '| [`e`](e.md) | [f] |',
    '[f]: f.md',
    '```js',
    'g[h](i)',
    '```',
  ].join('\n')
  assert.deepEqual(linksOf(markdown), ['a.md#b', 'c.svg', 'e.md', 'f.md'])
})

test('each relative link of a document has a target', () => {
  const faults = documents().flatMap((name) =>
    linksOf(read(name)).flatMap((link) => {
      const fault = faultOf(name, link)
      return fault ? [`${name}: ${link}: ${fault}`] : []
    }),
  )
  assert.deepEqual(faults, [])
})

test('each document that the sources name is there', () => {
  const sources = [
    'index.d.ts',
    ...filesIn('src', ['.rs']),
    ...filesIn('lib', ['.js', '.ts']),
    ...filesIn('scripts', ['.mjs']),
  ]
  const faults = sources.flatMap((name) =>
    [...read(name).matchAll(/\bdocs\/[\w./-]+\.md(?:#[\w-]+)?/g)].flatMap(([link]) => {
      const fault = faultOf('README.md', link)
      return fault ? [`${name}: ${link}: ${fault}`] : []
    }),
  )
  assert.deepEqual(faults, [])
})
