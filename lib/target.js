'use strict'

// Which addon fits this process. Decides and describes; native.js looks and loads.

/** As in npm/: one package each. */
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

/** As the files of glibc are called, now and before 2.34. Those of musl have many names. */
const GLIBC = /\/libc(?:\.so\.6|-2\.\d+\.so)$/m

/**
 * The C library of a process on Linux, by the files that are mapped into it (`/proc/self/maps`): what it really runs with, whatever
 * a program called `ldd` says, and whatever else is installed. glibc, the usual one, when nothing is known.
 */
function libcOf(maps) {
  return maps === '' || GLIBC.test(maps) ? 'gnu' : 'musl'
}

/** The targets to try, the best first: the other libc is tried too, for a system that has both. None for other platforms. */
function targetsOf({ platform, arch, libc }) {
  const fitting = TARGETS.filter((target) => `${target}-`.startsWith(`${platform}-${arch}-`))
  return fitting.sort((one, other) => other.endsWith(`-${libc}`) - one.endsWith(`-${libc}`))
}

/** What to tell a person whose process found no addon. `attempts` are `[what, why it was not loaded]`. */
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
