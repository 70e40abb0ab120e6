// Makes sure that the package can be used from a fresh clone: installed and built.

import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SOURCES = ['src', 'Cargo.toml', 'Cargo.lock', 'build.rs']

/** Installs what is missing and builds the addon; a release build only when something changed. */
export function prepare({ release = false } = {}) {
  install('.')
  if (release && isReleaseUpToDate()) console.log('> the release build is up to date')
  else run(`npm run ${release ? 'build' : 'build:debug'}`)
}

/** Installs what the lock file of a directory names, unless that is done. */
export function install(directory) {
  if (!isInstalled(directory)) run(`npm ci --include=dev --prefix ${directory}`)
}

/**
 * The same while other commands run, which may block this thread. Resolves with the reason if that
 * fails, and with nothing otherwise.
 */
export async function installMeanwhile(directory) {
  if (isInstalled(directory)) return undefined
  const command = `npm ci --include=dev --prefix ${directory}`
  console.log(`> ${command} (meanwhile)`)
  const stdio = ['ignore', 'ignore', 'inherit']
  const child = spawn(command, { cwd: ROOT, shell: true, stdio })
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('exit', (code) =>
      resolve(code === 0 ? undefined : `\`${command}\` failed (exit code ${code})`),
    )
  })
}

/** npm writes this file at the end of an installation. */
function isInstalled(directory) {
  const done = join(directory, 'node_modules/.package-lock.json')
  return modified(done) >= modified(join(directory, 'package-lock.json'))
}

function isReleaseUpToDate() {
  const addon = readdirSync(ROOT).find((name) => /^registry\..*\.node$/.test(name))
  if (!addon) return false
  return modified(addon) > Math.max(...SOURCES.map(modified)) && isRelease(addon)
}

/** An addon is a copy of the library that cargo made: of the release one, or of the other. */
function isRelease(addon) {
  const bytes = readFileSync(join(ROOT, addon))
  return releaseLibraries().some((file) => readFileSync(file).equals(bytes))
}

function releaseLibraries() {
  const target = join(ROOT, 'target')
  return list(target)
    .flatMap((name) => (name === 'release' ? [name] : [join(name, 'release')]))
    .map((directory) => join(target, directory))
    .flatMap((directory) => list(directory).map((name) => join(directory, name)))
    .filter((file) => /\.(so|dylib|dll)$/.test(file))
}

function list(directory) {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/** When a file, or the newest file of a directory, was last changed; 0 when there is none. */
function modified(path) {
  const stats = statSync(join(ROOT, path), { throwIfNoEntry: false })
  if (!stats?.isDirectory()) return stats?.mtimeMs ?? 0
  const times = readdirSync(join(ROOT, path)).map((name) => modified(join(path, name)))
  return Math.max(stats.mtimeMs, ...times)
}

/** Through a shell, because npm and npx are .cmd files on Windows. */
function run(command) {
  console.log(`> ${command}`)
  const { status, signal, error } = spawnSync(command, { cwd: ROOT, shell: true, stdio: 'inherit' })
  if (error) throw error
  if (status !== 0) throw new Error(`\`${command}\` failed (${signal ?? `exit code ${status}`})`)
}
