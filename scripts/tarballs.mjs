// Makes the tarballs that are published.

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
import { addonName, mainManifest } from './manifest.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const { TARGETS } = createRequire(import.meta.url)('../lib/target.js')

/**
 * Resolves with paths: of the main package, and of each platform whose addon lies in its directory
 * or in the root of the repository, as `{ main, platforms: { target: path } }`.
 */
export function makeTarballs(out) {
  mkdirSync(out, { recursive: true })
  const staging = mkdtempSync(join(tmpdir(), 'pack-'))
  try {
    const platforms = TARGETS.filter(addonOf).map((target) => [
      target,
      pack(stagePlatform(staging, target), out),
    ])
    return { main: pack(stageMain(staging), out), platforms: Object.fromEntries(platforms) }
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}

function addonOf(target) {
  const name = addonName(target)
  return [join(ROOT, 'npm', target, name), join(ROOT, name)].find((path) => existsSync(path))
}

function stagePlatform(staging, target) {
  const place = join(staging, target)
  cpSync(join(ROOT, 'npm', target), place, { recursive: true })
  copyFileSync(addonOf(target), join(place, addonName(target)))
  copyFileSync(join(ROOT, 'LICENSE'), join(place, 'LICENSE'))
  return place
}

function stageMain(staging) {
  const place = join(staging, 'main')
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  for (const name of manifest.files) {
    cpSync(join(ROOT, name), join(place, name), { recursive: true })
  }
  const published = JSON.stringify(mainManifest(manifest, TARGETS), null, 2)
  writeFileSync(join(place, 'package.json'), `${published}\n`)
  return place
}

function pack(place, out) {
  // Through a shell, because npm is a .cmd file on Windows; without arguments that one could
  // misread.
  const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts'], {
    cwd: place,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    // The stderr of npm becomes part of the error, if there is one.
    stdio: 'pipe',
  })
  const [{ filename }] = JSON.parse(output)
  const tarball = join(resolve(out), filename)
  copyFileSync(join(place, filename), tarball)
  return tarball
}
