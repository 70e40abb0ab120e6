'use strict'

// The manifest of `warm`. Everything in it is checked before anything starts: it may come from
// somebody else than the person who runs the command, so no destination leads out of the directory.

const { lstatSync, readFileSync, realpathSync } = require('node:fs')
const { join } = require('node:path')
// Connects the addon with its parts in JavaScript.
require('../index.js')
const { checkDownload } = require('../native.js')
const { permissions, UsageError } = require('./arguments.js')

/** A key with another name is an error: a misspelled `sha256` would be one that is not checked. */
const KEYS = ['url', 'dest', 'sha256', 'mode', 'mirrors']

/** More would only hide the first ones. */
const SHOWN = 20

/**
 * Reads the entries, with `path`, the absolute destination, `mode` as a number, and `shownUrl`,
 * which has no secrets.
 *
 * @throws {UsageError} that names each entry that is wrong, and says why.
 */
function readManifest(file, directory) {
  const entries = parsed(file)
  const faults = []
  const seen = new Map()
  const read = entries.map((entry, index) => {
    const fault = (text) => faults.push(`entries[${index}]${text}`)
    return checked(entry, { index, directory, seen, fault })
  })
  if (faults.length > 0) {
    const more = faults.length > SHOWN ? [`and ${faults.length - SHOWN} more`] : []
    const lines = [`${file} has errors; nothing was started.`, ...faults.slice(0, SHOWN), ...more]
    throw new UsageError(lines.join('\n  '))
  }
  return read
}

function parsed(file) {
  const refused = (why) => new UsageError(`${file} ${why}`)
  let text
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw refused(`cannot be read: ${error.message}`)
  }
  let manifest
  try {
    manifest = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw refused(`is not JSON: ${error.message}`)
  }
  if (!isObject(manifest) || !Array.isArray(manifest.entries)) {
    throw refused('must be an object with "entries", an array.')
  }
  const others = Object.keys(manifest).filter((key) => key !== 'entries')
  if (others.length > 0) throw refused(`has a key that means nothing: "${others[0]}".`)
  return manifest.entries
}

function checked(entry, { index, directory, seen, fault }) {
  if (!isObject(entry)) {
    fault(' must be an object.')
    return undefined
  }
  for (const key of Object.keys(entry).filter((each) => !KEYS.includes(each))) {
    fault(` has a key that means nothing: "${key}".`)
  }
  const { url, dest, sha256, mirrors } = entry
  const wrong = dest === undefined ? 'is missing' : wrongPath(dest) || wrongPlace(directory, dest)
  if (wrong) fault(`.dest ${wrong}.`)
  else taken(dest, index, seen, fault)
  const mode = modeOf(entry.mode, fault)
  // Right already, or reported.
  const path = wrong ? 'file' : join(directory, dest)
  try {
    if (url === undefined) fault('.url is missing.')
    const given = { sha256, mirrors: checkedMirrors(mirrors, fault) }
    const shownUrl = checkDownload(url ?? 'http://localhost/', path, given)
    return { url, dest, path, sha256, mode, mirrors, shownUrl }
  } catch (error) {
    const message = error.message.replace(/^The argument "(?:options\.)?([^"]*)"/, '.$1')
    fault(message.startsWith('.') ? message : `.url: ${message}`)
    return undefined
  }
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Strict, and the same on every system, because a manifest is used on several. */
function wrongPath(dest) {
  if (typeof dest !== 'string') return 'must be a string'
  const shown = JSON.stringify(dest)
  if (/^[/\\]|^[a-z]:/i.test(dest)) return `must be relative to the directory: ${shown}`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\\\u0000-\u001f]/.test(dest)) return `must have / between names, and no others: ${shown}`
  const names = dest.split('/')
  if (names.includes('..')) return `leads out of the directory: ${shown}`
  if (['', '.'].includes(names.at(-1))) return `must name a file: ${shown}`
  if (process.platform === 'win32' && dest.includes(':')) return `must be without a colon: ${shown}`
  return undefined
}

/** Follows the path as far as it is there: a link on it may lead out of the directory. */
function wrongPlace(directory, dest) {
  const root = real(directory)
  // What is not there has no links in it.
  if (root === undefined) return undefined
  let at = root
  for (const name of dest.split('/')) {
    at = join(at, name)
    const stats = lstatSync(at, { throwIfNoEntry: false })
    if (stats === undefined) return undefined
    if (!stats.isSymbolicLink()) continue
    const target = real(at)
    if (target === undefined) return `is behind a link that leads nowhere: ${JSON.stringify(dest)}`
    if (target !== root && !target.startsWith(join(root, '/'))) {
      return `leads out of the directory, by a link: ${JSON.stringify(dest)}`
    }
    at = target
  }
  return undefined
}

function real(path) {
  try {
    return realpathSync(path)
  } catch (error) {
    if (['ELOOP', 'ENOENT', 'ENOTDIR'].includes(error.code)) return undefined
    throw error
  }
}

/** Two entries for one file, or one for a file and one for something below it. */
function taken(dest, index, seen, fault) {
  const names = dest.split('/').filter((name) => name !== '' && name !== '.')
  for (let length = 1; length <= names.length; length += 1) {
    const key = names.slice(0, length).join('/')
    const other = seen.get(key)
    if (other?.isFile && length < names.length) {
      fault(`.dest is below that of entries[${other.index}], which is a file.`)
    } else if (other && length === names.length) {
      const is = other.isFile ? 'is that of' : 'is a directory for'
      fault(`.dest ${is} entries[${other.index}].`)
    }
    if (!other) seen.set(key, { index, isFile: length === names.length })
  }
}

/** JSON has no octal numbers: a mode is text. */
function modeOf(mode, fault) {
  if (mode === undefined) return undefined
  const bits = typeof mode === 'string' ? permissions(mode) : undefined
  if (bits === undefined) fault('.mode must be octal digits in quotes, such as "755".')
  return bits
}

function checkedMirrors(mirrors, fault) {
  if (mirrors === undefined) return undefined
  if (Array.isArray(mirrors) && mirrors.every((url) => typeof url === 'string')) return mirrors
  fault('.mirrors must be an array of URLs.')
  return undefined
}

module.exports = { readManifest }
