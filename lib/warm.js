'use strict'

// warmCache: many downloads under locks, a few at a time. Loaded lazily: few programs warm caches.

const native = require('./native.js')
const { abortError, subscribe, unsubscribe, withoutPlain } = require('./js-support.js')

/** Shortest time between two calls of `onProgress`, in ms, as of one download. */
const REPORT_INTERVAL = 50

/**
 * See the types. `download` is `downloadWithLock` with a fourth argument: the limit of its rate.
 */
async function warmCache(entries, options, download) {
  const settings = settingsOf(options)
  const jobs = jobsOf(entries, settings.shared)
  const warming = new Warming(jobs, { ...settings, download })
  return warming.run()
}

/** The options of the call, checked. `shared` has those that each entry inherits. */
function settingsOf(options) {
  if (options !== undefined && options !== null && typeof options !== 'object') {
    throw wrong('ERR_INVALID_ARG_TYPE', 'The argument "options" must be an object')
  }
  const {
    concurrency = 4,
    onEntry,
    onProgress,
    maxBytesPerSecond,
    signal,
    ...shared
  } = flattened(options ?? {})
  if (typeof concurrency !== 'number') {
    throw wrong('ERR_INVALID_ARG_TYPE', 'The argument "options.concurrency" must be a number')
  }
  if (!(concurrency >= 1) || (Number.isFinite(concurrency) && !Number.isInteger(concurrency))) {
    const rule = 'must be a whole number, 1 or more'
    const message = `The argument "options.concurrency" ${rule}. Received ${concurrency}`
    throw wrong('ERR_INVALID_ARG_VALUE', message)
  }
  for (const [name, value] of Object.entries({ onEntry, onProgress })) {
    if (value !== undefined && typeof value !== 'function') {
      throw wrong('ERR_INVALID_ARG_TYPE', `The argument "options.${name}" must be a function`)
    }
  }
  // Checked with an address and a path that are right, so that an error is one of the options.
  native.checkDownload('http://localhost/', 'file', { ...shared, signal })
  const limit =
    maxBytesPerSecond === undefined
      ? undefined
      : (native.createSharedRate(maxBytesPerSecond) ?? undefined)
  return { concurrency, onEntry, onProgress, limit, signal: signal ?? undefined, shared }
}

/** The entries as downloads, all of them checked before the first one starts. */
function jobsOf(entries, shared) {
  if (typeof entries?.[Symbol.iterator] !== 'function' || typeof entries === 'string') {
    throw wrong('ERR_INVALID_ARG_TYPE', 'The argument "entries" must be an iterable of objects')
  }
  return Array.from(entries, (entry, index) => {
    if (typeof entry !== 'object' || entry === null) {
      throw wrong('ERR_INVALID_ARG_TYPE', `entries[${index}]: The entry must be an object`)
    }
    const { url, destPath, ...own } = flattened(entry)
    const options = { ...shared, ...own }
    try {
      native.checkDownload(url, destPath, options)
    } catch (error) {
      throw wrong(error.code, `entries[${index}]: ${error.message}`, error)
    }
    return { url, destPath, options }
  })
}

/** One call. */
class Warming {
  /** Ends what runs: for the caller's signal, or for a callback that has thrown. */
  #controller = new AbortController()
  #thrown
  #results = []

  constructor(jobs, { concurrency, download, onEntry, onProgress, limit, signal }) {
    this.jobs = jobs
    this.concurrency = Math.min(concurrency, jobs.length)
    this.download = download
    this.onEntry = onEntry
    this.limit = limit
    this.total = onProgress && new Total(onProgress)
    this.signal = signal
  }

  async run() {
    const release = link(this.signal, this.#controller)
    try {
      let next = 0
      const work = async () => {
        while (next < this.jobs.length && this.#thrown === undefined) await this.#warm(next++)
      }
      await Promise.all(Array.from({ length: this.concurrency }, work))
    } finally {
      release()
    }
    if (this.#thrown === undefined) this.#call(() => this.total?.end())
    if (this.#thrown !== undefined) throw this.#thrown.error
    return this.#results
  }

  async #warm(index) {
    const { url, destPath } = this.jobs[index]
    const result = { url: String(url), destPath, ...(await this.#outcome(index)) }
    this.#results[index] = result
    this.#call(() => {
      this.total?.ended(index, result.size)
      this.onEntry?.(result, index)
    })
  }

  async #outcome(index) {
    const { url, destPath, options } = this.jobs[index]
    const { signal: all } = this.#controller
    if (all.aborted) return { status: 'failed', error: abortError(all) }
    // Only an entry with a signal of its own needs a controller of its own.
    const own = options.signal ? new AbortController() : this.#controller
    const releases = own === this.#controller ? [] : [link(all, own), link(options.signal, own)]
    try {
      const onProgress = this.#progressOf(index, options.onProgress)
      const given = { ...options, signal: own.signal, onProgress }
      const { size, attempts } = await this.download(url, destPath, given, this.limit)
      return { status: attempts === 0 ? 'cached' : 'downloaded', size }
    } catch (error) {
      return { status: 'failed', error }
    } finally {
      for (const release of releases) release()
    }
  }

  #progressOf(index, own) {
    if (!this.total) return own
    return (downloaded, total) => {
      this.#call(() => this.total.advance(index, downloaded, total))
      // An error that this callback throws fails only its own entry.
      own?.(downloaded, total)
    }
  }

  /** Runs a callback of the caller. The first error ends everything. */
  #call(callback) {
    if (this.#thrown !== undefined) return
    try {
      callback()
    } catch (error) {
      this.#thrown = { error }
      this.#controller.abort(error)
    }
  }
}

/** The bytes of all entries whose total is known. */
class Total {
  #entries = new Map()
  #downloaded = 0
  #total = 0
  #reported = ''
  #time = Number.NEGATIVE_INFINITY

  constructor(report) {
    this.report = report
  }

  advance(index, downloaded, total) {
    this.#set(index, downloaded, total)
    if (performance.now() - this.#time >= REPORT_INTERVAL) this.end()
  }

  /** Sets the end of an entry: all of its bytes are there, or no more are expected. */
  ended(index, size) {
    const bytes = size ?? this.#entries.get(index)?.downloaded
    if (bytes !== undefined) this.advance(index, bytes, bytes)
  }

  /** Reports what has not been reported. */
  end() {
    const state = `${this.#downloaded}/${this.#total}`
    if (state === this.#reported || this.#entries.size === 0) return
    this.#reported = state
    this.#time = performance.now()
    this.report(this.#downloaded, this.#total)
  }

  #set(index, downloaded, total) {
    const before = this.#entries.get(index)
    this.#entries.set(index, { downloaded, total })
    this.#downloaded += downloaded - (before?.downloaded ?? 0)
    this.#total += total - (before?.total ?? 0)
  }
}

/** Lets a signal abort a controller, with its reason. Returns a function that ends that. */
function link(signal, controller) {
  if (!signal) return () => {}
  const abort = () => controller.abort(signal.reason)
  if (signal.aborted) abort()
  else subscribe(signal, abort)
  return () => unsubscribe(signal, abort)
}

/**
 * The options of an object and its prototypes, `Object.prototype` apart. An option that is
 * `undefined` is not set.
 */
function flattened(object) {
  const given = withoutPlain(object) ?? object
  const options = Object.create(null)
  for (const name in object) {
    const value = given[name]
    if (value !== undefined) options[name] = value
  }
  return options
}

function wrong(code, message, cause) {
  return Object.assign(new TypeError(message, cause && { cause }), { code })
}

module.exports = { warmCache }
