'use strict'

// socket-registry download

const { resolve } = require('node:path')
const { downloadWithLock, httpDownload } = require('../index.js')
const { checkDownload } = require('../native.js')
const { inOneLine } = require('../printable.js')
const { permissions, received, transferOptions, UsageError } = require('./arguments.js')
const { bytes } = require('./progress.js')
const { asJson, readable } = require('./results.js')

async function run({ values, positionals: [url, dest], signal, proc, progress }) {
  const options = optionsOf(values)
  const shownUrl = checked(url, dest, options)
  const shown = { url: shownUrl, path: resolve(dest) }
  try {
    const download = values['no-lock'] ? httpDownload : downloadWithLock
    const result = await download(url, dest, {
      ...options,
      // Shown to whoever wants to pin it.
      digests: true,
      signal,
      onProgress: (downloaded, total) => {
        const describe = () => `${bytes(downloaded)} of ${bytes(total)}`
        progress.update(total === 0 ? 1 : downloaded / total, describe)
      },
      onWait: ({ pid }) => progress.say(`Waiting for process ${pid}, which downloads it`),
    })
    progress.end()
    const { size, sha256, attempts, resumedFrom, source } = result
    const status = attempts === 0 ? 'cached' : 'downloaded'
    const outcome = { ...shown, status, size, sha256, attempts, resumedFrom, source }
    proc.stdout.write(values.json ? asJson(outcome) : describeOutcome(outcome))
    return true
  } catch (error) {
    if (values.json) {
      proc.stdout.write(asJson({ ...shown, status: 'failed', error: readable(error) }))
    }
    throw error
  }
}

function describeOutcome({ path, status, size, sha256, source }) {
  const from = source === undefined ? '' : ` from ${source}`
  const what = status === 'cached' ? 'is there already' : `downloaded${from}`
  return `${inOneLine(`${path}: ${what}, ${bytes(size)}`)}\nsha256 ${sha256}\n`
}

function optionsOf(values) {
  const { sha256, integrity, mode, mirror } = values
  const bits = mode === undefined ? undefined : permissions(mode)
  if (mode !== undefined && bits === undefined) {
    throw new UsageError(`--mode must be octal digits, such as 755.${received(mode)}`)
  }
  return { ...transferOptions(values), sha256, integrity, mode: bits, mirrors: mirror }
}

/** The names of options on the command line, where they differ from those of the functions. */
const FLAGS = { maxBytesPerSecond: 'max-rate', mirrors: 'mirror' }

/** The URL without its secrets, if everything can be used. */
function checked(url, dest, options) {
  try {
    return checkDownload(url, dest, options)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const message = error.message
      .replace(/^The argument "options\.(\w+)[^"]*"/, (_, name) => `--${FLAGS[name] ?? name}`)
      .replace(/^The argument "url"/, '<url>')
      .replace(/^The argument "destPath"/, '<dest>')
    throw new UsageError(message)
  }
}

module.exports = { run }
