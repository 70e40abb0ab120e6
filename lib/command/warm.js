'use strict'

// socket-registry warm

const { resolve } = require('node:path')
const { warmCache } = require('../index.js')
const { inOneLine } = require('../printable.js')
const { count, fileOf, transferOptions } = require('./arguments.js')
const { readManifest } = require('./manifest.js')
const { bytes } = require('./progress.js')
const { asJson, readable } = require('./results.js')

async function run({ values, positionals: [file], signal, proc, progress }) {
  const options = {
    ...transferOptions(values),
    concurrency: count(values, 'concurrency', 1),
    signal,
  }
  const entries = readManifest(fileOf(file), resolve(values.dir ?? '.'))
  const share = new Share(entries.length, progress)
  const downloads = entries.map(({ url, path, ...own }, index) => ({
    ...{ url, destPath: path },
    sha256: own.sha256,
    mode: own.mode,
    mirrors: own.mirrors,
    onProgress: (downloaded, total) => share.advance(index, downloaded, total),
  }))
  const results = await warmCache(downloads, {
    ...options,
    onEntry(result, index) {
      const { dest } = entries[index]
      if (result.error && !signal.aborted) progress.say(`${dest}: ${result.error.message}`)
      share.end(index, result.size)
    },
  })
  progress.end()
  const outcomes = results.map(({ status, size, error }, index) => {
    const { dest, path, shownUrl: url } = entries[index]
    return { url, dest, path, status, size, error: error && readable(error) }
  })
  proc.stdout.write(values.json ? asJson(summary(outcomes)) : describe(outcomes))
  return outcomes.every(({ status }) => status !== 'failed')
}

/** The share of all entries that is there. Each counts the same: few totals are known early. */
class Share {
  /** The fraction and the bytes of each entry that has begun and not ended. */
  #running = new Map()
  #ended = 0
  #endedBytes = 0

  constructor(length, progress) {
    this.length = length
    this.progress = progress
  }

  advance(index, downloaded, total) {
    const fraction = total === 0 ? 0 : downloaded / total
    this.#running.set(index, { fraction, downloaded })
    this.#show()
  }

  end(index, size) {
    this.#endedBytes += size ?? this.#running.get(index)?.downloaded ?? 0
    this.#running.delete(index)
    this.#ended += 1
    this.#show()
  }

  #show() {
    const { length } = this
    let [files, size] = [this.#ended, this.#endedBytes]
    for (const { fraction, downloaded } of this.#running.values()) {
      files += fraction
      size += downloaded
    }
    // A file with all of its bytes is not there yet: 100 % are for the end.
    const fraction = this.#ended === length ? 1 : Math.min(files / length, 0.99)
    const describe = () => `${this.#ended} of ${length} files, ${bytes(size)}`
    this.progress.update(fraction, describe)
  }
}

const STATUSES = ['downloaded', 'cached', 'failed']

const countOf = (outcomes, status) => outcomes.filter((each) => each.status === status).length

function summary(outcomes) {
  const counts = STATUSES.map((status) => [status, countOf(outcomes, status)])
  return { ...Object.fromEntries(counts), entries: outcomes }
}

function describe(outcomes) {
  const lines = outcomes.map(({ dest, status, size, error }) => {
    const detail = error ? `: ${error.message}` : ` (${bytes(size)})`
    return inOneLine(`${status.padEnd(10)}  ${dest}${detail}`)
  })
  const counts = STATUSES.map((status) => `${countOf(outcomes, status)} ${status}`)
  return `${[...lines, counts.join(', ')].join('\n')}\n`
}

module.exports = { run }
