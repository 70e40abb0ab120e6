// What the published packages say of themselves, made from what the repository says.

/** Of a manifest here, what means nothing to those who install the package. */
const PRIVATE = ['scripts', 'devDependencies', 'overrides', 'napi']

/**
 * The manifest of the main package. The packages of the platforms are added only here: the repository itself could not be installed
 * with dependencies that are published after it.
 */
export function mainManifest(manifest, targets) {
  const kept = Object.entries(manifest).filter(
    ([key]) => !PRIVATE.includes(key) && !key.startsWith('//'),
  )
  const platforms = targets.map((target) => [`${manifest.name}-${target}`, manifest.version])
  return { ...Object.fromEntries(kept), optionalDependencies: Object.fromEntries(platforms) }
}

/** The manifest of a platform, as `npm/<target>/package.json` has it. */
export function platformManifest({ name, version, license, repository, engines }, target) {
  const [platform, arch, abi] = target.split('-')
  const file = `registry.${target}.node`
  return {
    name: `${name}-${target}`,
    version,
    description: `The native part of ${name} for ${target}`,
    license,
    repository,
    engines,
    os: [platform],
    cpu: [arch],
    ...(platform === 'linux' && { libc: [abi === 'gnu' ? 'glibc' : abi] }),
    // A file that the system loads cannot stay in an archive of Yarn.
    preferUnplugged: true,
    main: file,
    files: [file],
  }
}

export function platformReadme({ name }, target) {
  return `# ${name}-${target}

The native part of [${name}](https://www.npmjs.com/package/${name}) for ${target}. It is installed with that package, which
takes it where it fits: there is no reason to install it by itself.
`
}

/** `## [Unreleased]` becomes the version, and a new one stands above it. */
export function releasedChangelog(changelog, version, date) {
  const heading = '## [Unreleased]\n'
  if (!changelog.includes(heading)) throw new Error('CHANGELOG.md has no "## [Unreleased]"')
  return changelog.replace(heading, `${heading}\n## [${version}] - ${date}\n`)
}
