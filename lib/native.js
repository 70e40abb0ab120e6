'use strict'

// Loads the addon: the file that a variable names, a build of this checkout, or the package of this
// platform, which npm installs beside this one.

const { existsSync, readFileSync } = require('node:fs')
const { join, resolve } = require('node:path')
const record = require('./loaded.js')
const { libcOf, targetsOf } = require('./target.js')

/** Written out, so that bundlers and file tracers see the packages. */
const PACKAGES = {
  'darwin-arm64': () => require('@socketsecurity/registry-darwin-arm64'),
  'darwin-x64': () => require('@socketsecurity/registry-darwin-x64'),
  'linux-arm64-gnu': () => require('@socketsecurity/registry-linux-arm64-gnu'),
  'linux-arm64-musl': () => require('@socketsecurity/registry-linux-arm64-musl'),
  'linux-x64-gnu': () => require('@socketsecurity/registry-linux-x64-gnu'),
  'linux-x64-musl': () => require('@socketsecurity/registry-linux-x64-musl'),
  'win32-arm64-msvc': () => require('@socketsecurity/registry-win32-arm64-msvc'),
  'win32-x64-msvc': () => require('@socketsecurity/registry-win32-x64-msvc'),
}

function load() {
  // For a program that carries the addon in itself and has written it to a file.
  const NAME = 'NAPI_RS_NATIVE_LIBRARY_PATH'
  const given = Object.hasOwn(process.env, NAME) ? process.env[NAME] : undefined
  if (given) {
    record.name = resolve(given)
    return open(record.name)
  }

  const { platform, arch } = process
  const system = {
    platform,
    arch,
    libc: platform === 'linux' ? libcOf(maps()) : undefined,
  }
  const attempts = []
  record.attempts = attempts
  for (const target of targetsOf(system)) {
    const file = join(__dirname, '..', `registry.${target}.node`)
    const builds = existsSync(file) ? [[file, () => open(file)]] : []
    for (const [name, loadIt] of [
      ...builds,
      [`@socketsecurity/registry-${target}`, PACKAGES[target]],
    ]) {
      try {
        const addon = loadIt()
        record.name = name
        return addon
      } catch (error) {
        attempts.push({ name, error })
      }
    }
  }
  throw failure(system, attempts)
}

function failure(system, attempts) {
  const { fileOf, notLoaded } = require('./load-failure.js')
  const described = attempts.map(({ name, error }) => ({
    name,
    reason: reasonOf(name, error),
    isMissing: isMissing(name, error),
    code: error.code,
    message: error.message,
    header: headerOf(fileOf(error.message)),
  }))
  // Only with the permission model.
  const isRestricted = process.permission !== undefined
  const { version } = require('../package.json')
  const message = notLoaded({ ...system, isRestricted }, version, described)
  const cause = attempts.find(({ name, error }) => !isMissing(name, error))?.error
  return Object.assign(new Error(message, cause && { cause }), { code: 'ERR_ADDON_NOT_LOADED' })
}

/** The first bytes of a file; `undefined` if it cannot be read. */
function headerOf(file) {
  try {
    return file && readFileSync(file).subarray(0, 64)
  } catch {
    return undefined
  }
}

/** Opens a file without `require`, which bundlers would follow. */
function open(file) {
  const loaded = { exports: {} }
  process.dlopen(loaded, file)
  return loaded.exports
}

function maps() {
  try {
    return readFileSync('/proc/self/maps', 'latin1')
  } catch {
    // No /proc here.
    return ''
  }
}

function isMissing(name, error) {
  // In quotes: the message also names a file that is missing in the package.
  return error.code === 'MODULE_NOT_FOUND' && error.message.includes(`'${name}'`)
}

function reasonOf(name, error) {
  return isMissing(name, error) ? 'not installed' : error.message.split('\n')[0]
}

module.exports = load()
