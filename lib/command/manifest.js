'use strict'

// The manifest of `warm`. Everything in it is checked before anything starts: it may come from
// somebody else than the person who runs the command, so no destination leads out of the directory.

const { lstatSync, readFileSync, realpathSync } = require('node:fs')
const { join, relative } = require('node:path')
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
    throw refused(`is not JSON: ${withoutExcerpt(error.message)}`)
  }
  if (!isObject(manifest) || !Array.isArray(manifest.entries)) {
    throw refused('must be an object with "entries", an array.')
  }
  const others = Object.keys(manifest).filter((key) => key !== 'entries')
  if (others.length > 0) throw refused(`has an unknown key: "${others[0]}".`)
  return manifest.entries
}

/** Some messages quote the text around the fault, which may have a password in it. */
function withoutExcerpt(message) {
  return message.replace(/,? ?(?:\.{3})?".*"(?:\.{3})?(?: is not valid JSON)?/s, '')
}

function checked(entry, { index, directory, seen, fault }) {
  if (!isObject(entry)) {
    fault(' must be an object.')
    return undefined
  }
  for (const key of Object.keys(entry).filter((each) => !KEYS.includes(each))) {
    fault(` has an unknown key: "${key}".`)
  }
  const { url, dest, sha256, mirrors } = entry
  let wrong = dest === undefined ? 'is missing' : wrongPath(dest)
  if (!wrong) {
    const found = placeOf(directory, dest)
    wrong = found.wrong
    if (!wrong) taken(found.place, index, seen, fault)
  }
  if (wrong) fault(`.dest ${wrong}.`)
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

/**
 * Follows the path as far as it is there: a link on it may lead out of the directory. Gives the
 * place of the file, relative to the directory, or what is wrong with it.
 */
function placeOf(directory, dest) {
  const root = real(directory)
  // A directory that does not exist contains no links.
  if (root === undefined) return { place: dest }
  const names = dest.split('/').filter((name) => name !== '' && name !== '.')
  let at = root
  for (const [index, name] of names.entries()) {
    at = join(at, name)
    const found = lookAt(at)
    if (found.code) return { wrong: `cannot be inspected (${found.code}): ${JSON.stringify(dest)}` }
    if (!found.stats) return { place: relative(root, join(at, ...names.slice(index + 1))) }
    // One at the end is replaced, not followed.
    if (!found.stats.isSymbolicLink()) continue
    const target = real(at)
    if (target === undefined) {
      return { wrong: `is behind a dangling symbolic link: ${JSON.stringify(dest)}` }
    }
    if (target !== root && !target.startsWith(join(root, '/'))) {
      return { wrong: `leads out of the directory, by a link: ${JSON.stringify(dest)}` }
    }
    if (index < names.length - 1) at = target
  }
  return { place: relative(root, at) }
}

function lookAt(path) {
  try {
    return { stats: lstatSync(path, { throwIfNoEntry: false }) }
  } catch ({ code }) {
    return { code }
  }
}

function real(path) {
  try {
    return realpathSync(path)
  } catch (error) {
    if (['ELOOP', 'ENOENT', 'ENOTDIR'].includes(error.code)) return undefined
    throw error
  }
}

/**
 * Two entries for one file, or one for a file and one for something below it. A manifest is used on
 * several systems: names that differ in case alone are those of one file on some.
 */
function taken(place, index, seen, fault) {
  const names = place.split(/[/\\]/).filter((name) => name !== '' && name !== '.')
  for (let length = 1; length <= names.length; length += 1) {
    const path = names.slice(0, length).join('/')
    const key = path.normalize('NFC').toLowerCase()
    const other = seen.get(key)
    const where = other && other.path !== path ? ' where case does not count' : ''
    if (other?.isFile && length < names.length) {
      fault(`.dest is below that of entries[${other.index}], which is a file${where}.`)
    } else if (other && length === names.length) {
      const is = other.isFile ? 'is that of' : 'is a directory for'
      fault(`.dest ${is} entries[${other.index}]${where}.`)
    }
    if (!other) seen.set(key, { index, path, isFile: length === names.length })
  }
}

/** JSON has no octal numbers: a mode is text. */
function modeOf(mode, fault) {
  if (mode === undefined) return undefined
  const bits = typeof mode === 'string' ? permissions(mode) : undefined
  if (bits === undefined) fault('.mode must be octal digits in quotes, such as "755".')
  // Whoever runs the file would be the one who ran the command.
  if (bits > 0o777) fault('.mode must be of three digits: no manifest sets user or group ids.')
  return bits
}

function checkedMirrors(mirrors, fault) {
  if (mirrors === undefined) return undefined
  if (Array.isArray(mirrors) && mirrors.every((url) => typeof url === 'string')) return mirrors
  fault('.mirrors must be an array of URLs.')
  return undefined
}

module.exports = { readManifest }
