// The headings of CHANGELOG.md. Reads and writes nothing.

const UNRELEASED = '## [Unreleased]\n'

/** Gives the unreleased changes a version and a date. */
export function released(changelog, version, date) {
  if (!changelog.includes(UNRELEASED)) throw new Error('CHANGELOG.md has no "## [Unreleased]"')
  if (!changesOf(changelog, 'Unreleased')) {
    throw new Error('CHANGELOG.md names no change under "Unreleased": there is nothing to release')
  }
  return changelog.replace(UNRELEASED, `${UNRELEASED}\n## [${version}] - ${date}\n`)
}

/** Returns the text under the heading of a version. */
export function changesOf(changelog, version) {
  const sections = changelog.split(/^## /m)
  const section = sections.find((each) => each.startsWith(`[${version}]`))
  return section?.slice(section.indexOf('\n')).trim()
}
