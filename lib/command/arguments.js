'use strict'

// The command line: which subcommand, which options, and what their values mean.

const { parseArgs } = require('node:util')

const COMMON = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
}
const PROGRESS = { 'no-progress': { type: 'boolean' } }
const DOWNLOADS = {
  ...PROGRESS,
  retries: { type: 'string' },
  connections: { type: 'string' },
  'max-rate': { type: 'string' },
}

/** The options of each subcommand, and the names of its arguments: `[name]` may be left out. */
const COMMANDS = {
  download: {
    positionals: ['<url>', '<dest>'],
    options: {
      ...DOWNLOADS,
      sha256: { type: 'string' },
      integrity: { type: 'string' },
      mode: { type: 'string' },
      mirror: { type: 'string', multiple: true },
      'no-lock': { type: 'boolean' },
    },
  },
  warm: {
    positionals: ['<manifest.json>'],
    options: { ...DOWNLOADS, concurrency: { type: 'string' }, dir: { type: 'string' } },
  },
  doctor: { positionals: ['[url]'], options: { ...PROGRESS } },
  metrics: {
    positionals: ['<file>'],
    options: { ...PROGRESS, prometheus: { type: 'boolean' } },
  },
}

/** An error of the person who typed the command, or wrote the manifest. */
class UsageError extends Error {
  /** @param {string} [command] whose help explains it, if it could be read */
  constructor(message, command) {
    super(message)
    this.name = 'UsageError'
    this.command = command
  }
}

/** `{ command, values, positionals }`. There may be no command. */
function parse(args) {
  const at = args.findIndex((each) => !each.startsWith('-'))
  const command = args[at]
  if (command === undefined) {
    const options = { ...COMMON, version: { type: 'boolean', short: 'v' } }
    return { command, ...parsed({ args, options }) }
  }
  if (!Object.hasOwn(COMMANDS, command)) {
    const known = Object.keys(COMMANDS).join(', ')
    throw new UsageError(`There is no command${quoted(command)}. The commands are ${known}.`)
  }
  const { options, positionals: names } = COMMANDS[command]
  const others = args.toSpliced ? args.toSpliced(at, 1) : args.filter((_, index) => index !== at)
  const config = { args: others, options: { ...COMMON, ...options }, allowPositionals: true }
  const { values, positionals } = parsed(config, command)
  const required = names.filter((name) => name.startsWith('<'))
  if (!values.help) {
    if (positionals.length < required.length) {
      throw new UsageError(`${required[positionals.length]} is missing.`, command)
    }
    if (positionals.length > names.length) {
      throw new UsageError(`Unexpected argument${quoted(positionals[names.length])}.`, command)
    }
  }
  return { command, values, positionals }
}

/** A word in quotes. A URL, which may have a password in it, is not repeated. */
function quoted(argument) {
  return /^[\w.-]+$/.test(argument) ? ` '${argument}'` : ''
}

/** Names the unusable value at the end of an error message. A URL is not shown. */
function received(text) {
  return text.includes('://') ? ' Received a URL.' : ` Received '${text}'.`
}

/** The path of a file that is to be read. */
function fileOf(path) {
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(path)) throw new UsageError('The file is a path, not a URL.')
  return path
}

function parsed(config, command) {
  try {
    const { values, positionals } = parseArgs(config)
    return { values, positionals }
  } catch (error) {
    // The first sentence: what follows is advice that does not fit these arguments.
    throw new UsageError(error.message.replace(/(?<=')\. .*/s, '.'), command)
  }
}

/** A whole number within limits, or `undefined` if the option is not given. */
function count(values, name, least, most = Number.MAX_SAFE_INTEGER) {
  const text = values[name]
  if (text === undefined) return undefined
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= most) return number
  const limits = most < Number.MAX_SAFE_INTEGER ? `${least} to ${most}` : `${least} or more`
  throw new UsageError(`--${name} must be a whole number, ${limits}.${received(text)}`)
}

const UNITS = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }

/** Bytes per second: `500k`, `2M` or a number of bytes, as `SOCKET_DOWNLOAD_RATE`. */
function rate(values, name) {
  const text = values[name]
  if (text === undefined) return undefined
  const [, number, unit] = /^(\d+)([kmg]?)$/i.exec(text) ?? []
  if (number !== undefined) return Number(number) * UNITS[unit.toLowerCase()]
  const rule = 'must be bytes per second, or a number with k, M or G, such as 500k or 2M'
  throw new UsageError(`--${name} ${rule}.${received(text)}`)
}

/** Permission bits in octal digits; `undefined` for anything else. */
function permissions(text) {
  return /^0?[0-7]{3,4}$/.test(text) ? Number.parseInt(text, 8) : undefined
}

/** The options that `download` and `warm` share. */
function transferOptions(values) {
  return {
    // For scripts, which nobody watches: it tries again, and has no limit but that of silence. A
    // cache that fetches a file for others first is silent, too.
    retries: count(values, 'retries', 0) ?? 3,
    timeout: 0,
    idleTimeout: 60_000,
    connections: count(values, 'connections', 1, 16),
    maxBytesPerSecond: rate(values, 'max-rate'),
  }
}

module.exports = { UsageError, count, fileOf, parse, permissions, received, transferOptions }
