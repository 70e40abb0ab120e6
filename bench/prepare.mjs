// Prerequisites of every measurement: programs, packages and a release build of the addon.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const BENCH = fileURLToPath(new URL('.', import.meta.url))
export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** A stripped release build has about 6 MB, a debug build more than 40. */
const LARGEST_RELEASE = 12e6

export function prepare() {
  const missing = ['nginx', 'curl', 'openssl', 'bash'].filter((name) => !isProgram(name))
  if (missing.length > 0) {
    throw new Error(
      `Missing: ${missing.join(', ')}. On Debian: apt-get install nginx-light curl aria2 openssl`,
    )
  }
  if (!existsSync(join(BENCH, 'node_modules/.package-lock.json'))) npm('ci', '--prefix', 'bench')
  if (!existsSync(addonPath())) npm('run', 'build')
  if (statSync(addonPath()).size > LARGEST_RELEASE) {
    throw new Error(`${addonPath()} is not a release build. Build one: npm run build`)
  }
}

/** nginx is in sbin, which is not on everyone's PATH. */
export const PATH = `${process.env.PATH}:/usr/local/sbin:/usr/sbin`

export function isProgram(name) {
  return PATH.split(':').some((directory) => existsSync(join(directory, name)))
}

/** The file that the loader takes. */
export function addonPath() {
  const given = process.env.NAPI_RS_NATIVE_LIBRARY_PATH
  if (given) return given
  const names = readdirSync(ROOT).filter((name) => /^registry\..*\.node$/.test(name))
  return join(
    ROOT,
    names.find((name) => name.includes(`${process.platform}-${process.arch}`)) ?? 'registry.node',
  )
}

function npm(...args) {
  console.log(`> npm ${args.join(' ')}`)
  if (spawnSync('npm', args, { cwd: ROOT, stdio: 'inherit' }).status !== 0) {
    throw new Error(`\`npm ${args.join(' ')}\` failed`)
  }
}

/** Writes dirty pages out, so that the next contender does not pay for those of the last. */
export const sync = () => execFileSync('sync')
