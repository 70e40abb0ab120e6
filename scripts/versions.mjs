// Where the version stands, and how it moves. Reads and writes nothing: `files` are texts by their
// paths.

import semver from 'semver'

/** A command that runs this package, as `npx @socketsecurity/registry@1.2.3 warm`. */
const COMMAND = /@socketsecurity\/registry@(\d[\w.-]*)/g

/** By the end of a path. */
const PLACES = {
  'package.json': [/^ {2}"version": "(.*)"/gm],
  // Its own version, and that of the package in it.
  'package-lock.json': [/^ {2}"version": "(.*)"/gm, /^ {4}"": \{\n.*\n {6}"version": "(.*)"/gm],
  'Cargo.toml': [/^version = "(.*)"$/gm],
  'Cargo.lock': [/^name = "socketsecurity-registry"\nversion = "(.*)"$/gm],
  'many-machines.md': [COMMAND],
  Dockerfile: [COMMAND],
  'workflow.yml': [COMMAND],
}

/** The files that have a version, apart from the packages of the platforms. */
export const VERSIONED = [
  'package.json',
  'package-lock.json',
  'Cargo.toml',
  'Cargo.lock',
  'fuzz/Cargo.lock',
  'docs/many-machines.md',
  'examples/many-machines/Dockerfile',
  'examples/many-machines/workflow.yml',
]

const placesOf = (path) => PLACES[path.split('/').at(-1)]

/** Every place with its version: `[path, version]`. */
export function versionsIn(files) {
  return Object.entries(files).flatMap(([path, text]) =>
    placesOf(path).flatMap((place) =>
      [...text.matchAll(place)].map(([, version]) => [path, version]),
    ),
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
  if (text.search(place) < 0) throw new Error(`${path} has no version`)
  // The version is the last of what is found, except for a quote.
  return text.replace(place, (found, old) => {
    const at = found.lastIndexOf(old)
    return found.slice(0, at) + version + found.slice(at + old.length)
  })
}

/** Throws an error that explains why a version cannot be the next one. */
export function checkNext(current, wanted) {
  if (!wanted) throw new Error('Say which version: npm run bump -- 1.2.3')
  // It would accept `v1.2.3` too, and mean `1.2.3`.
  if (semver.valid(wanted) !== wanted) {
    throw new Error(`"${wanted}" is no version, as 1.2.3 or 1.2.3-beta.1 is`)
  }
  if (!semver.gt(wanted, current)) throw new Error(`${wanted} is not greater than ${current}`)
}
