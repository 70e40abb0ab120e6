'use strict'

// The addon that fits this process. Decides and describes; native.js looks and loads.

/** The targets, with one package each in npm/. */
const TARGETS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
]

/** The names of the files of glibc, now and before 2.34. Files of musl have many names. */
const GLIBC = /\/libc(?:\.so\.6|-2\.\d+\.so)$/m

/**
 * The C library of a process on Linux, by the files that are mapped into it (`/proc/self/maps`):
 * the library that it runs with, whatever a program called `ldd` prints, and whatever else is
 * installed. glibc, the usual one, if nothing is known.
 */
function libcOf(maps) {
  return maps === '' || GLIBC.test(maps) ? 'gnu' : 'musl'
}

/**
 * The targets to try, the best first. The other libc is tried as well, for a system that has both.
 * Empty for other platforms.
 */
function targetsOf({ platform, arch, libc }) {
  const fitting = TARGETS.filter((target) => `${target}-`.startsWith(`${platform}-${arch}-`))
  return fitting.sort((one, other) => other.endsWith(`-${libc}`) - one.endsWith(`-${libc}`))
}

/** The message for a process that found no addon. `attempts` are `[name, reason of failure]`. */
function notLoaded({ platform, arch, libc }, version, attempts) {
  const system = `${platform} ${arch}${libc ? ` (${libc === 'musl' ? 'musl' : 'glibc'})` : ''}`
  const [best] = targetsOf({ platform, arch, libc })
  const looked = attempts.map(([what, why]) => `  ${what}: ${why}`).join('\n')
  const help = best
    ? `Install it: npm install @socketsecurity/registry-${best}@${version}
npm leaves it out with --omit=optional, and with a package-lock.json or node_modules that come from another platform: there, delete both and install again.`
    : `There is no prebuilt addon for this platform; there are some for ${TARGETS.join(', ')}.
Build it with Rust: see docs/building.md in the repository.`
  return `The native addon of @socketsecurity/registry cannot be loaded on ${system}.
${looked ? `Looked for\n${looked}\n` : ''}${help}`
}

module.exports = { TARGETS, libcOf, notLoaded, targetsOf }
