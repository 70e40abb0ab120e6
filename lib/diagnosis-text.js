'use strict'

// A report of `doctor` as text, for a terminal or an issue.

const { printable } = require('./printable.js')

/** One line for each part, and indented lines for what it consists of. */
function describe(report, version) {
  const lines = [`@socketsecurity/registry ${version}: doctor`]
  for (const [name, part] of Object.entries(report)) {
    const [first, ...more] = (DESCRIBERS[name] ?? (() => ['']))(part).filter(Boolean)
    const state = part.ok ? 'ok  ' : 'FAIL'
    lines.push(`${state} ${name.padEnd(9)}${first ?? ''}`.trimEnd())
    lines.push(...more.map((line) => `${' '.repeat(14)}${line}`))
    if (part.message && !more.some((line) => line.endsWith(part.message))) {
      lines.push(...part.message.split('\n').map((line) => `${' '.repeat(12)}> ${line}`))
    }
  }
  return printable(lines.map(shortened).join('\n'))
}

/** Servers may say much. */
const LINE_MAX = 1000

const shortened = (line) => (line.length > LINE_MAX ? `${line.slice(0, LINE_MAX)}…` : line)

const RUNTIMES = { node: 'Node.js', bun: 'Bun', deno: 'Deno' }

const DESCRIBERS = {
  platform: ({ platform, arch, release, libc, libcVersion }) => [
    platform && `${platform} ${arch}, ${[libc, libcVersion].filter(Boolean).join(' ')} ${release}`,
  ],

  addon: ({ path, version, tried = [] }) => [
    path ? `${path}${version ? ` (${version})` : ''}` : 'not loaded',
    ...tried.map((line) => `tried ${line}`),
  ],

  node: ({ version, runtime, napi, path }) => [
    version && `${RUNTIMES[runtime]} ${version}, Node-API ${napi}, ${path}`,
  ],

  proxy: ({ http, https, url, variables = {} }) => [
    url && `this URL: ${chosen(url)}`,
    http && `https: ${chosen(https)}; http: ${chosen(http)}`,
    ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
  ],

  trust: ({ certificates, sources = [], unreadable = [] }) => [
    certificates === undefined ? undefined : `${certificates} certificates`,
    ...sources.map(describeSource),
    ...unreadable.map((why) => `not used: ${why}`),
  ],

  lock: ({ probed, fileSystem, kernelLocks, hardLinks }) => {
    const found = `, kernel locks: ${yes(kernelLocks)}, hard links: ${yes(hardLinks)}`
    return [probed && `${probed}${within(fileSystem)}${kernelLocks === undefined ? '' : found}`]
  },

  cache: ({ directory, fileSystem, exists, writable }) => [
    directory &&
      `${directory}${within(fileSystem)}, ${exists ? 'exists' : 'does not exist yet'}, ${writable ? 'writable' : 'not writable'}`,
  ],

  url: (part) => [
    part.url,
    ...(part.proxy?.proxy ? [`through the proxy ${part.proxy.proxy} (${part.proxy.reason})`] : []),
    ...(part.addresses ?? []).map((each) => describeAddress(part.host, each)),
    ...describeTls(part.tls),
    part.status && `${part.status} ${part.statusText}, ${part.protocol}`,
    part.location && `redirects to ${part.location}`,
    part.timings && describeTimings(part.timings),
    part.clock && describeClock(part.clock),
  ],
}

const yes = (value) => (value ? 'yes' : 'no')
const within = (fileSystem) => (fileSystem ? ` (${fileSystem})` : '')
const chosen = ({ proxy, reason }) => `${proxy ?? 'no proxy'} (${reason})`

function describeSource({ source, variable, path, certificates }) {
  const names = { bundled: 'bundled (Mozilla)', system: 'of the system' }
  const name = names[source] ?? (variable ? `from ${variable}` : 'from')
  return `${certificates} ${name}${path ? ` ${path}` : ''}`
}

function describeAddress(host, { ok, address, connect, code }) {
  const outcome = ok ? `connects in ${connect} ms` : `does not connect (${code})`
  return address.includes(host) ? `${address} ${outcome}` : `${host} ${address} ${outcome}`
}

function describeTls(tls) {
  if (!tls) return []
  const { version = 'TLS', trusted, subject, issuer, validFrom, validUntil } = tls
  return [
    `${version}, certificate ${trusted ? 'trusted' : 'NOT trusted'}: ${subject}`,
    `  issued by ${issuer}, valid from ${validFrom} until ${validUntil}`,
  ]
}

function describeTimings({ dns, connect, firstByte, total }) {
  const times = { lookup: dns, connect, 'first byte': firstByte, total }
  const known = Object.entries(times).filter(([, time]) => time !== undefined)
  return known.map(([what, time]) => `${what} ${time} ms`).join(', ')
}

function describeClock({ skew }) {
  if (Math.abs(skew) <= 1) return 'clock: agrees with the server'
  return `clock: ${Math.abs(skew)} s ${skew > 0 ? 'behind' : 'ahead of'} the server`
}

module.exports = { describe }
