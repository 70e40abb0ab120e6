'use strict'

// A single executable application that carries the addon as an asset, `registry.node`. <url>:
// downloads it.

const { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } = require('node:fs')
const { getRawAsset } = require('node:sea')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

/**
 * A directory that nobody else can look into or change: the addon in it will be part of this
 * process.
 */
function privateDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'application-'))
  const { mode, uid } = statSync(directory)
  if (process.platform !== 'win32' && ((mode & 0o777) !== 0o700 || uid !== process.getuid())) {
    throw new Error(`${directory} is not for this user alone`)
  }
  return directory
}

function remove(directory) {
  try {
    rmSync(directory, { recursive: true, force: true })
  } catch {
    // Windows keeps a file while it is loaded.
  }
}

/** The package, with the addon of this program. */
function load() {
  const directory = privateDirectory()
  const addon = join(directory, 'registry.node')
  try {
    writeFileSync(addon, Buffer.from(getRawAsset('registry.node')), { flag: 'wx', mode: 0o600 })
    process.env.NAPI_RS_NATIVE_LIBRARY_PATH = addon
    return require('@socketsecurity/registry/lib/http-request')
  } finally {
    // Programs that are started from here have another addon, or another place for it.
    delete process.env.NAPI_RS_NATIVE_LIBRARY_PATH
    remove(directory)
  }
}

async function main(url) {
  const { path, size } = await load().httpDownload(url, 'downloaded-by-an-application')
  console.log(JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), size }))
}

main(process.argv[2])
