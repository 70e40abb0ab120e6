// Where the version stands, and how it moves. Reads and writes nothing: `files` are texts by their paths.

import semver from 'semver'

/** By the end of a path. */
const PLACES = {
  'package.json': [/^ {2}"version": "(.*)"/m],
  // Its own version, and that of the package in it.
  'package-lock.json': [/^ {2}"version": "(.*)"/m, /^ {4}"": \{\n.*\n {6}"version": "(.*)"/m],
  'Cargo.toml': [/^version = "(.*)"$/m],
  'Cargo.lock': [/^name = "socketsecurity-registry"\nversion = "(.*)"$/m],
}

const placesOf = (path) => PLACES[path.split('/').at(-1)]

/** Every place with its version: `[path, version]`; undefined where none was found. */
export function versionsIn(files) {
  return Object.entries(files).flatMap(([path, text]) =>
    placesOf(path).map((place) => [path, text.match(place)?.[1]]),
  )
}

/** The files with another version. */
export function withVersion(files, version) {
  return Object.fromEntries(
    Object.entries(files).map(([path, text]) => [
      path,
      placesOf(path).reduce((changed, place) => replaced(changed, place, version, path), text),
    ]),
  )
}

function replaced(text, place, version, path) {
  if (!place.test(text)) throw new Error(`${path} has no version`)
  return text.replace(place, (found, old) => found.replace(`"${old}"`, `"${version}"`))
}

/** Throws what to tell a person who wants a version that cannot follow. */
export function checkNext(current, wanted) {
  if (!wanted) throw new Error('Say which version: npm run bump -- 1.2.3')
  // It would accept `v1.2.3` too, and mean `1.2.3`.
  if (semver.valid(wanted) !== wanted) {
    throw new Error(`"${wanted}" is no version, as 1.2.3 or 1.2.3-beta.1 is`)
  }
  if (!semver.gt(wanted, current)) throw new Error(`${wanted} is not greater than ${current}`)
}
