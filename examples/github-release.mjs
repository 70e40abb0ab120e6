// Downloads the asset of a project's latest GitHub release that fits this platform, and verifies
// it.
//
//   node examples/github-release.mjs <owner/name> [directory]
//
// GITHUB_TOKEN raises the API's rate limit. GITHUB_API_URL names another server, such as
// https://github.example.com/api/v3.

import { basename, join } from 'node:path'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { httpGetJson } from '@socketsecurity/registry/lib/http-request'

/**
 * @typedef {object} Asset
 * @property {string} name
 * @property {string} browser_download_url
 * @property {string | null} [digest] `sha256:` and 64 hexadecimal digits; older assets have none
 *
 * @typedef {object} Release
 * @property {string} tag_name
 * @property {Asset[]} assets
 *
 * @typedef {Error & { code?: string, status?: number }} DownloadError
 */

/** The words for `process.platform` in the file names of projects. */
const PLATFORM_WORDS = {
  darwin: ['darwin', 'macos', 'osx', 'apple'],
  linux: ['linux'],
  win32: ['windows', 'win', 'win32', 'win64'],
}
/** The same for `process.arch`. */
const ARCH_WORDS = {
  arm64: ['arm64', 'aarch64'],
  x64: ['x64', 'amd64', 'x86_64'],
}
/** Checksums, signatures, lists, and packages that need an installer. */
const NOT_A_PROGRAM =
  /\.(apk|asc|deb|dmg|json|minisig|msi|pem|pkg|rpm|sbom|sha\d+(sum)?|sig|sigstore|txt)$/

const { GITHUB_API_URL = 'https://api.github.com', GITHUB_TOKEN } = process.env
const [repository, directory = '.'] = process.argv.slice(2)
if (!repository || !/^[\w.-]+\/[\w.-]+$/.test(repository)) {
  console.error('Usage: node examples/github-release.mjs <owner/name> [directory]')
  process.exit(2)
}

try {
  const release = await latestRelease(repository)
  const asset = chooseAsset(release)
  // The version is part of the path: a destination that exists is never downloaded again.
  const path = join(directory, encodeURIComponent(release.tag_name), basename(asset.name))
  // GitHub responds with a redirect to another host.
  const { size } = await downloadWithLock(asset.browser_download_url, path, {
    retries: 3,
    sha256: sha256Of(asset),
  })
  console.log(`${repository} ${release.tag_name}: ${path} (${size} bytes)`)
} catch (error) {
  console.error(explain(/** @type {DownloadError} */ (error)))
  process.exitCode = 1
}

/**
 * @param {string} repository
 * @returns {Promise<Release>}
 */
function latestRelease(repository) {
  return httpGetJson(`${GITHUB_API_URL}/repos/${repository}/releases/latest`, {
    headers: {
      accept: 'application/vnd.github+json',
      'user-agent': 'github-release-example/1.0',
      ...(GITHUB_TOKEN && { authorization: `Bearer ${GITHUB_TOKEN}` }),
    },
    retries: 3,
  })
}

/**
 * @param {Release} release
 * @returns {Asset}
 */
function chooseAsset({ tag_name, assets }) {
  const platform = PLATFORM_WORDS[/** @type {'linux'} */ (process.platform)] ?? [process.platform]
  const arch = ARCH_WORDS[/** @type {'x64'} */ (process.arch)] ?? [process.arch]
  const found = assets.find(({ name }) => {
    if (NOT_A_PROGRAM.test(name)) return false
    const words = wordsOf(name)
    return (
      platform.some((word) => words.includes(word)) && arch.some((word) => words.includes(word))
    )
  })
  if (!found) {
    const names = assets.map(({ name }) => `  ${name}`).join('\n')
    throw new Error(
      `Release ${tag_name} has nothing for ${process.platform} ${process.arch}:\n${names}`,
    )
  }
  return found
}

/**
 * @param {Asset} asset
 * @returns {string | undefined}
 */
function sha256Of({ digest }) {
  return /^sha256:([0-9a-f]{64})$/.exec(digest ?? '')?.[1]
}

/**
 * Whole words, because "darwin" contains "win".
 *
 * @param {string} name
 * @returns {string[]}
 */
function wordsOf(name) {
  return (
    name
      .toLowerCase()
      .replaceAll('x86-64', 'x86_64')
      .match(/x86_64|[a-z0-9]+/g) ?? []
  )
}

/**
 * @param {DownloadError} error
 * @returns {string}
 */
function explain(error) {
  if (error.code === 'ERR_HTTP_STATUS' && error.status === 404) {
    return `${repository} has no release, or does not exist, or is private: ${error.message}`
  }
  if (error.code === 'ERR_HTTP_STATUS' && (error.status === 403 || error.status === 429)) {
    return `GitHub refuses for now; GITHUB_TOKEN raises the limit: ${error.message}`
  }
  if (error.code === 'ERR_INTEGRITY') {
    return `Not the file that GitHub knows; nothing was saved: ${error.message}`
  }
  return error.message
}
