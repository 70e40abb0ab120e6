// Downloads a runtime once for all processes on this machine, then runs it.
//
//   node examples/runtime.mjs [url] [destination] [sha256]
//
// The URL names one executable file. Without it, the pnpm executable (which contains Node.js) is
// fetched for this platform. Start the program twice at the same time: the second one waits, and
// only one of them downloads. End it halfway and start it again: it resumes where it stopped.

import { execFile } from 'node:child_process'
import { homedir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import cliProgress from 'cli-progress'

/** @typedef {Error & { code?: string, lockPath?: string }} DownloadError */

const PNPM = 'https://github.com/pnpm/pnpm/releases/download/v10.30.3'
const OS_NAMES = { darwin: 'macos', linux: 'linux', win32: 'win' }

const [url = defaultUrl(), destination = defaultDestination(url), sha256] = process.argv.slice(2)

try {
  const path = await fetchRuntime(url, resolve(destination), sha256)
  console.log(path)
  console.log(await versionOf(path))
} catch (error) {
  console.error(explain(/** @type {DownloadError} */ (error)))
  process.exitCode = 1
}

/**
 * @param {string} url
 * @param {string} path
 * @param {string | undefined} sha256 of the file; an existing file that differs is downloaded again
 * @returns {Promise<string>} the path of an executable file
 */
async function fetchRuntime(url, path, sha256) {
  const bar = new cliProgress.SingleBar(
    { format: '{bar} {percentage} % | {value} of {total} bytes', noTTYOutput: true },
    cliProgress.Presets.shades_classic,
  )
  try {
    await downloadWithLock(url, path, {
      retries: 3,
      timeout: 300_000, // one attempt
      lockTimeout: 600_000, // while another process downloads
      mode: 0o755, // executable the moment it exists, for all who wait for it
      sha256,
      onProgress(downloaded, total) {
        if (!bar.isActive) bar.start(total, 0)
        bar.update(downloaded)
      },
    })
  } finally {
    if (bar.isActive) bar.stop()
  }
  return path
}

/**
 * @param {string} path
 * @returns {Promise<string>}
 */
async function versionOf(path) {
  const { stdout } = await promisify(execFile)(path, ['--version'])
  return stdout.trim()
}

/**
 * @param {DownloadError} error
 * @returns {string}
 */
function explain(error) {
  switch (error.code) {
    case 'ERR_LOCK_TIMEOUT':
      return `Another process is still downloading: ${error.message}\nLock file: ${error.lockPath}`
    case 'ERR_INTEGRITY':
      return `Not the file that was expected; nothing was installed: ${error.message}`
    case 'ENOSPC':
      return `The disk is full: ${error.message}`
    default:
      return `No runtime: ${error.message}`
  }
}

/** @returns {string} */
function defaultUrl() {
  const os = OS_NAMES[/** @type {keyof typeof OS_NAMES} */ (process.platform)] ?? process.platform
  return `${PNPM}/pnpm-${os}-${process.arch}${process.platform === 'win32' ? '.exe' : ''}`
}

/**
 * One directory for each URL, because a destination that exists is never downloaded again.
 *
 * @param {string} url
 * @returns {string}
 */
function defaultDestination(url) {
  const version = URL.canParse(url) ? basename(new URL('.', url).pathname) : ''
  const name = URL.canParse(url) ? basename(new URL(url).pathname) : 'runtime'
  return join(homedir(), '.cache', 'runtime-example', version, name)
}
