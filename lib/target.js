'use strict'

// The addon that fits this process. Decides; native.js looks and loads.

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

module.exports = { TARGETS, libcOf, targetsOf }
