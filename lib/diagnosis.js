'use strict'

// The parts of a report of `doctor`. Each part is found by itself: one that fails or hangs is a
// part with `ok: false` and a message.

const { readFileSync, statfsSync } = require('node:fs')
const { release } = require('node:os')
const { isAbsolute, resolve } = require('node:path')
const { describe } = require('./diagnosis-text.js')
const { cacheDirectory, withoutPlain } = require('./js-support.js')
const loaded = require('./loaded.js')
const { libcOf, targetsOf } = require('./target.js')
const { version } = require('../package.json')

/** The default of `timeout`, in ms. */
const TIMEOUT = 10_000
/** A URL of each scheme, for a process that names none. */
const ANY = { http: 'http://host.invalid/', https: 'https://host.invalid/' }
const PROXIES = ['http_proxy', 'https_proxy', 'all_proxy']
/** File systems by the magic numbers of statfs(2). */
const FILE_SYSTEMS = {
  26985: 'nfs',
  61267: 'ext4',
  16914836: 'tmpfs',
  16914839: '9p',
  801189825: 'zfs',
  1481003842: 'xfs',
  1702057286: 'fuse',
  2035054128: 'overlay',
  2435016766: 'btrfs',
  4266872130: 'smb',
  4283649346: 'cifs',
}

async function diagnose(url, options) {
  const { timeout, cacheDir, locksDir } = read(options)
  const addon = loadAddon()
  const limited = (find) => part(find, timeout)
  const [proxy, trust, lock, cache, server] = await Promise.all([
    limited(() => proxyOf(addon, url)),
    limited(() => trustOf(addon)),
    limited(() => lockOf(addon, locksDir ?? cacheDir)),
    limited(() => cacheOf(addon, cacheDir)),
    // Twice: it looks for addresses first.
    url === undefined ? undefined : part(() => serverOf(addon, url, timeout), 2 * timeout + 1000),
  ])
  const found = {
    platform: await limited(platformOf),
    addon: await limited(() => addonOf(addon)),
    node: await limited(nodeOf),
    proxy,
    trust,
    lock,
    cache,
  }
  if (server !== undefined) found.url = server
  // Without properties that are undefined, so that a copy by JSON is equal.
  const report = JSON.parse(JSON.stringify(found))
  // Not enumerable: the report is data.
  return Object.defineProperty(report, 'toString', {
    configurable: true,
    value: () => describe(report, version),
    writable: true,
  })
}

/** The options of the caller. Those that cannot be used are left out: a report is always wanted. */
function read(options) {
  const given = copied(options)
  const directory = (value) =>
    typeof value === 'string' && value !== '' ? resolve(value) : undefined
  const { timeout, cacheDir, locksDir } = given
  return {
    timeout: typeof timeout === 'number' && timeout > 0 && timeout < 2 ** 30 ? timeout : TIMEOUT,
    cacheDir: directory(cacheDir),
    locksDir: directory(locksDir),
  }
}

/** The options that can be read: a getter may throw. */
function copied(options) {
  if (typeof options !== 'object' || options === null) return Object.create(null)
  try {
    const { timeout, cacheDir, locksDir } = withoutPlain(options) ?? options
    return { timeout, cacheDir, locksDir }
  } catch {
    return Object.create(null)
  }
}

/** Returns the finding of `find`. A failure, or no answer within `timeout` ms, is a finding too. */
async function part(find, timeout) {
  let timer
  const late = new Promise((resolve) => {
    const message = `nothing was found out within ${timeout} ms`
    timer = setTimeout(resolve, timeout, { ok: false, code: 'ERR_TIMEOUT', message })
  })
  try {
    return await Promise.race([find(), late])
  } catch (error) {
    const { code, message = String(error) } = error ?? {}
    return { ok: false, ...(code && { code }), message }
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The addon, and the error that this package cannot be loaded with, of which one may be missing.
 */
function loadAddon() {
  let native
  try {
    native = require('./native.js')
    // Connects the addon with its parts in JavaScript.
    require('./index.js')
    return { native }
  } catch (error) {
    return { native, error }
  }
}

/** The function of the addon, or an error that says why there is none. */
function functionOf({ native, error }, name) {
  if (!native) throw new Error('not found out, because the addon is not loaded')
  if (typeof native[name] !== 'function') {
    throw new Error(`not found out, because the addon is not of version ${version}`)
  }
  if (error) throw error
  return native[name]
}

function platformOf() {
  const { platform, arch } = process
  const libc = platform === 'linux' ? libcOf(maps()) : undefined
  const [target] = targetsOf({ platform, arch, libc })
  return {
    ok: target !== undefined,
    platform,
    arch,
    release: release(),
    ...(libc && { libc: libc === 'musl' ? 'musl' : 'glibc', libcVersion: glibcVersion() }),
    ...(target === undefined && { message: 'there is no prebuilt addon for this platform' }),
  }
}

function maps() {
  try {
    return readFileSync('/proc/self/maps', 'latin1')
  } catch {
    return ''
  }
}

function glibcVersion() {
  const { report } = process
  if (!report) return undefined
  const { excludeNetwork } = report
  // Names of open sockets are looked up otherwise.
  report.excludeNetwork = true
  try {
    return report.getReport().header.glibcVersionRuntime
  } finally {
    report.excludeNetwork = excludeNetwork
  }
}

function addonOf({ native, error }) {
  const tried = loaded.attempts.map(({ name, error }) => `${name}: ${error.message.split('\n')[0]}`)
  const found = { path: loaded.name && pathOf(loaded.name), packageVersion: version }
  const addonVersion = native?.addonVersion?.()
  if (addonVersion) found.version = addonVersion
  if (tried.length > 0) found.tried = tried
  if (error && (!native || addonVersion === version)) {
    const { code, message } = error
    return { ok: false, ...found, ...(code && { code }), message }
  }
  if (addonVersion === version) return { ok: true, ...found }
  const other = addonVersion ? `is of version ${addonVersion}` : 'is of another version'
  const message = `the addon ${other}, and this package of ${version}: install both in the same version`
  return { ok: false, ...found, code: 'ERR_ADDON_VERSION', message }
}

/** The file of a package with an addon. */
function pathOf(name) {
  if (isAbsolute(name)) return name
  try {
    return require.resolve(name)
  } catch {
    // In a bundle.
    return name
  }
}

function nodeOf() {
  const { engines } = require('../package.json')
  const { versions, execPath } = process
  const least = Number(/\d+/.exec(engines.node)[0])
  const ok = Number.parseInt(versions.node, 10) >= least
  const runtime = versions.bun ? 'bun' : versions.deno ? 'deno' : 'node'
  return {
    ok,
    version: process.version,
    runtime,
    napi: versions.napi,
    path: execPath,
    ...(!ok && { message: `this package needs Node.js ${least} or later` }),
  }
}

async function proxyOf(addon, url) {
  const choose = functionOf(addon, 'diagnoseProxy')
  const [http, https] = await Promise.all([choose(ANY.http), choose(ANY.https)])
  const found = { http, https }
  if (url !== undefined) found.url = await choose(url)
  const wrong = Object.values(found).find(({ ok }) => !ok)
  const variables = proxyVariables(addon.native)
  return {
    ok: wrong === undefined,
    ...found,
    variables,
    ...(wrong && { message: wrong.message }),
  }
}

/** The variables that are set, without passwords. */
function proxyVariables({ shownUrl }) {
  const found = {}
  for (const lower of [...PROXIES, 'no_proxy']) {
    for (const name of [lower, lower.toUpperCase()]) {
      const value = Object.hasOwn(process.env, name) ? process.env[name] : undefined
      if (value)
        found[name] = lower === 'no_proxy' ? shownEntries(value, shownUrl) : shownUrl(value)
    }
  }
  return found
}

/** Hosts and networks, `::1` among them, are no URLs, but somebody may have written one there. */
function shownEntries(value, shownUrl) {
  return value.replace(/[^\s,]*[@?#=][^\s,]*/g, (entry) => shownUrl(entry))
}

async function trustOf(addon) {
  const { verify, sources, unreadable } = await functionOf(addon, 'diagnoseTrust')()
  for (const source of sources) {
    const name = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'].find(
      (name) => source.source === 'file' && process.env[name] === source.path,
    )
    if (name) source.variable = name
  }
  const certificates = sources.reduce((sum, source) => sum + source.certificates, 0)
  const message = verify
    ? unreadable[0]
    : 'NODE_TLS_REJECT_UNAUTHORIZED=0: certificates are not verified, anybody on the way can read and change everything'
  const ok = verify && unreadable.length === 0
  return { ok, verify, certificates, sources, unreadable, ...(message && { message }) }
}

async function lockOf(addon, locksDir) {
  const directory = locksDir ?? resolve(cacheDirectory())
  const found = await functionOf(addon, 'diagnoseDirectory')(directory)
  const { probed, writable, kernelLocks, hardLinks, code } = found
  const lacks = [
    kernelLocks === false && 'no file locks that can be relied on',
    hardLinks === false && 'no hard links',
  ].filter(Boolean)
  const message =
    lacks.length === 0
      ? found.message
      : `the file system of ${probed} has ${lacks.join(' and ')}: a download may run twice, never wrongly`
  return {
    ok: message === undefined,
    directory,
    probed,
    fileSystem: fileSystemOf(probed),
    kernelLocks,
    hardLinks,
    ...(!writable && { code }),
    ...(message && { message }),
  }
}

async function cacheOf(addon, cacheDir) {
  const directory = cacheDir ?? resolve(cacheDirectory())
  const found = await functionOf(addon, 'diagnoseDirectory')(directory)
  const { exists, probed, writable, code, message } = found
  return {
    ok: message === undefined,
    directory,
    exists,
    writable,
    fileSystem: fileSystemOf(probed),
    ...(code && { code }),
    ...(message && { message }),
  }
}

/** The name of the file system, where it is known. */
function fileSystemOf(directory) {
  if (process.platform !== 'linux') return undefined
  try {
    const { type } = statfsSync(directory)
    return FILE_SYSTEMS[type >>> 0] ?? `0x${(type >>> 0).toString(16)}`
  } catch {
    return undefined
  }
}

async function serverOf(addon, url, timeout) {
  const found = await functionOf(addon, 'diagnoseServer')(url, timeout)
  const { tls } = found
  for (const name of ['validFrom', 'validUntil']) {
    if (tls?.[name] !== undefined) tls[name] = dateOf(tls[name])
  }
  return found
}

function dateOf(milliseconds) {
  const date = new Date(milliseconds)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

module.exports = { diagnose }
