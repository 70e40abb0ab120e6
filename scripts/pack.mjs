// npm run pack -- <directory>: the tarballs that are published. The main package always; those of the platforms whose addon lies in the
// root of the repository or in npm/<target>.

import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mainManifest } from './manifest.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const { TARGETS } = createRequire(import.meta.url)('../lib/target.js')

/** Makes the tarballs, and gives their paths: `{ main, platforms }`. */
export function pack(out) {
  mkdirSync(out, { recursive: true })
  const staging = mkdtempSync(join(tmpdir(), 'pack-'))
  try {
    const platforms = TARGETS.filter(addonOf).map((target) =>
      packOne(stagePlatform(staging, target), out),
    )
    return { main: packOne(stageMain(staging), out), platforms }
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}

function addonOf(target) {
  const name = `registry.${target}.node`
  return [join(ROOT, 'npm', target, name), join(ROOT, name)].find((file) => existsSync(file))
}

function stagePlatform(staging, target) {
  const place = join(staging, target)
  cpSync(join(ROOT, 'npm', target), place, { recursive: true })
  copyFileSync(addonOf(target), join(place, `registry.${target}.node`))
  copyFileSync(join(ROOT, 'LICENSE'), join(place, 'LICENSE'))
  return place
}

function stageMain(staging) {
  const place = join(staging, 'main')
  mkdirSync(place)
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  for (const name of [...manifest.files, 'README.md', 'LICENSE']) {
    cpSync(join(ROOT, name), join(place, name), { recursive: true })
  }
  writeFileSync(
    join(place, 'package.json'),
    JSON.stringify(mainManifest(manifest, TARGETS), null, 2),
  )
  return place
}

function packOne(place, out) {
  const output = execFileSync('npm', ['pack', '--json', '--pack-destination', resolve(out)], {
    cwd: place,
    encoding: 'utf8',
    // npm is a .cmd file on Windows.
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return join(resolve(out), JSON.parse(output)[0].filename)
}

if (import.meta.filename === process.argv[1]) {
  const [out] = process.argv.slice(2)
  if (!out) {
    console.error('Say where to: npm run pack -- dist')
    process.exit(1)
  }
  const { main, platforms } = pack(out)
  console.log([...platforms, main].join('\n'))
}
