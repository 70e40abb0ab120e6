'use strict'

// Why the addon could not be loaded, and what helps. Loaded by native.js when that has failed.
// Decides and describes; native.js looks.

const { TARGETS, targetsOf } = require('./target.js')

/** Processors by the number in the header of an ELF file. */
const ELF_MACHINES = { 3: 'ia32', 40: 'arm', 62: 'x64', 183: 'arm64', 243: 'riscv64' }

/** The platform and processor of a shared library, by its first bytes; `undefined` if unknown. */
function binaryOf(bytes) {
  if (bytes.length < 20) return undefined
  if (bytes.readUInt32BE(0) === 0x7f_45_4c_46) {
    return `linux ${ELF_MACHINES[bytes.readUInt16LE(18)] ?? 'of another processor'}`
  }
  if (bytes.readUInt32LE(0) === 0xfe_ed_fa_cf) {
    return `darwin ${bytes.readUInt32LE(4) === 0x01_00_00_0c ? 'arm64' : 'x64'}`
  }
  if (bytes.toString('latin1', 0, 2) === 'MZ') return 'win32'
  return undefined
}

/** The file that an error of the loader is about, if its message names it. */
function fileOf(message) {
  return /(?:^|dlopen\()([^\n:()]+\.node)(?::|,)/.exec(message)?.[1]
}

/**
 * Reasons by the words of Node.js and of the loaders of the systems, and what helps. The first that
 * fits counts.
 */
const REASONS = [
  {
    fits: ({ code, isRestricted }) => code === 'ERR_DLOPEN_DISABLED' && isRestricted,
    advice: () =>
      'The permission model of Node.js forbids addons: start it with --allow-addons as well.',
  },
  {
    fits: ({ code }) => code === 'ERR_DLOPEN_DISABLED',
    advice: () =>
      'Node.js runs with --no-addons, which forbids addons: leave that out, also of NODE_OPTIONS and of the execArgv of a Worker.',
  },
  {
    fits: ({ code }) => code === 'ERR_ACCESS_DENIED',
    advice: () =>
      'The permission model of Node.js does not let it read the addon: start it with --allow-addons and with --allow-fs-read for node_modules.',
  },
  {
    fits: ({ message }) => /version [`'"]?GLIBC(?:XX)?_[\d.]+.* not found/.test(message),
    advice: ({ message }) =>
      `The C library of this system is too old: the addon needs ${/GLIBC(?:XX)?_[\d.]+/.exec(message)[0].replace('_', ' ')}. Use a newer version of the system or of the image, or build the addon there: see docs/building.md in the repository.`,
  },
  {
    fits: ({ message }) =>
      /symbol not found|undefined symbol|Error relocating|ld-linux|Error loading shared library/.test(
        message,
      ),
    advice: ({ install }) =>
      `The addon is for another C library than that of this system (glibc or musl), or one of its libraries is missing. Delete node_modules and package-lock.json and install again, on this system.\n${install}`,
  },
  {
    fits: ({ message }) => /libgcc_s|libstdc\+\+/.test(message),
    advice: () =>
      'A library of the system is missing: install libgcc (Alpine Linux: apk add libgcc).',
  },
  {
    fits: ({ message }) => /system policy|quarantine|not verified|malicious/.test(message),
    advice: () =>
      'macOS has quarantined the file, as it does with downloads by a browser: xattr -dr com.apple.quarantine node_modules/@socketsecurity',
  },
  {
    fits: ({ message }) => /different Team IDs|code signature/i.test(message),
    advice: () =>
      'macOS refuses the signature of the file. An application with a hardened runtime needs the entitlement com.apple.security.cs.disable-library-validation, or signs the addon itself.',
  },
  {
    fits: ({ message, binary, own }) =>
      /wrong ELF class|incompatible architecture|not a valid Win32 application|Exec format error/.test(
        message,
      ) ||
      (binary !== undefined && binary !== own),
    advice: ({ binary, own, install }) =>
      `The file is for ${binary && binary !== own ? binary : 'another processor'}, and this Node.js is for ${own}. Probably node_modules comes from another machine, or was installed by a Node.js for another processor: delete it and install again, with this Node.js.\n${install}`,
  },
  {
    fits: ({ message }) => /failed to map segment|Operation not permitted/.test(message),
    advice: () =>
      'The file system of the addon does not allow programs (noexec), or a security policy forbids them: install the package elsewhere, or point NAPI_RS_NATIVE_LIBRARY_PATH to a copy elsewhere.',
  },
  {
    fits: ({ message }) =>
      /file too short|invalid ELF header|no suitable image|not a mach-o/.test(message),
    advice: ({ install }) =>
      `The file is broken, or not an addon at all: delete node_modules and install again.\n${install}`,
  },
]

/**
 * The message of a process that found no addon.
 *
 * @param {{ platform: string, arch: string, libc?: string, isRestricted?: boolean }} system
 * @param {string} version
 * @param {{ name: string, reason: string, isMissing: boolean, code?: string, message: string,
 *   header?: Buffer }[]} attempts
 */
function notLoaded(system, version, attempts) {
  const { platform, arch, libc, isRestricted = false } = system
  const shown = `${platform} ${arch}${libc ? ` (${libc === 'musl' ? 'musl' : 'glibc'})` : ''}`
  const looked = attempts.map(({ name, reason }) => `  ${name}: ${reason}`).join('\n')
  return `The native addon of @socketsecurity/registry cannot be loaded on ${shown}.
${looked ? `Looked for\n${looked}\n` : ''}${advice(system, version, attempts, isRestricted)}`
}

function advice(system, version, attempts, isRestricted) {
  const { platform, arch, libc } = system
  const [best] = targetsOf({ platform, arch, libc })
  if (best === undefined) {
    return `There is no prebuilt addon for this platform; there are some for ${TARGETS.join(', ')}.
Build it with Rust: see docs/building.md in the repository.`
  }
  const install = `Install it: npm install @socketsecurity/registry-${best}@${version}`
  const own = `${platform} ${arch}`
  // The one that was there, and could not be loaded.
  for (const { isMissing, code, message, header } of attempts) {
    if (isMissing) continue
    const binary = header && binaryOf(header)
    const facts = { code, message, isRestricted, binary, own, install }
    const reason = REASONS.find(({ fits }) => fits(facts))
    if (reason) return reason.advice(facts)
  }
  return `${install}
npm leaves it out with --omit=optional, and with a package-lock.json or node_modules that come from another platform: there, delete both and install again.`
}

module.exports = { binaryOf, fileOf, notLoaded }
