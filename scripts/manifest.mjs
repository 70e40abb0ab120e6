// Derives the manifests of the published packages from that of the repository. Reads and writes
// nothing.

/**
 * Keys of the repository's manifest that mean nothing to users of the package. Comments are left
 * out too: their keys begin with `//`.
 */
const PRIVATE = ['devDependencies', 'napi', 'overrides', 'scripts']

/**
 * The manifest of the main package. The packages of the platforms are added only here: the
 * repository itself could not be installed with dependencies that are published after it.
 */
export function mainManifest(manifest, targets) {
  const kept = Object.entries(manifest).filter(
    ([key]) => !PRIVATE.includes(key) && !key.startsWith('//'),
  )
  const platforms = targets.map((target) => [`${manifest.name}-${target}`, manifest.version])
  return { ...Object.fromEntries(kept), optionalDependencies: Object.fromEntries(platforms) }
}

/** The manifest of a platform: `npm/<target>/package.json`. */
export function platformManifest({ name, version, license, repository, engines }, target) {
  const [platform, arch, abi] = target.split('-')
  const addon = addonName(target)
  return {
    name: `${name}-${target}`,
    version,
    description: `The native part of ${name} for ${target}`,
    license,
    repository,
    engines,
    os: [platform],
    cpu: [arch],
    // npm's names: without them every system would get both.
    ...(platform === 'linux' && { libc: [abi === 'gnu' ? 'glibc' : abi] }),
    // The system cannot load a file that Yarn keeps in an archive.
    preferUnplugged: true,
    type: 'commonjs',
    main: addon,
    files: [addon],
  }
}

/** The page that somebody sees who finds the package of a platform: `npm/<target>/README.md`. */
export function platformReadme({ name }, target) {
  return `# ${name}-${target}

The native part of [${name}](https://www.npmjs.com/package/${name}) for ${target}.

It is not to be installed by itself: \`npm install ${name}\` brings it where it fits.
`
}

export const addonName = (target) => `registry.${target}.node`
