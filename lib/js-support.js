'use strict'

// What only JavaScript can do: be a stream, read a stream, extend Error. Handed to the addon by index.js.

const { isObserved } = require('./channels.js')

/** Required by those who stream: loading it takes a third of the time that loading all of this package takes. */
const streams = () => require('node:stream')

/** Thrown where the status of an answer is an error. */
class HttpResponseError extends Error {
  constructor(response, message) {
    super(message ?? `HTTP ${response.status}: ${response.statusText || 'No status message'}`)
    this.name = 'HttpResponseError'
    this.code = 'ERR_HTTP_STATUS'
    this.status = response.status
    this.response = response
  }
}

/** Reads a stream into a request. `write` resolves with whether more is wanted; `end` takes the error of the stream. */
async function send(source, write, end) {
  const { PassThrough, pipeline } = streams()
  try {
    // Streams of the old kind, as form-data's, cannot be iterated.
    const pieces =
      Symbol.asyncIterator in source ? source : pipeline(source, new PassThrough(), () => {})
    for await (const chunk of pieces) {
      if (!(await write(chunk))) return
    }
    end()
  } catch (error) {
    end(error)
  }
}

/** The default of `maxResponseSize`, as in src/base/options.rs. */
const TEXT_MAX = 2 ** 29

/** The most bytes that a body of `limit` bytes has under a content coding, as in src/policy/http/decoding.rs. */
const encodedMax = (limit) => limit + limit / 256 + 2 ** 16

/** The chunks of a stream as bytes; nothing of what is no stream. Ends early when the addon will refuse them for their size. */
async function collect(source, options) {
  if (typeof source?.[Symbol.asyncIterator] !== 'function') return undefined
  // What is no object is refused by the addon.
  const isObject = typeof options === 'object' && options !== null
  const given = isObject ? (withoutPlain(options) ?? options) : Object.create(null)
  const { maxResponseSize = TEXT_MAX, signal } = given
  const most = maxResponseSize === 0 ? Number.POSITIVE_INFINITY : encodedMax(maxResponseSize)
  // Without an error: it would become that of the request, which ends the process if nobody listens.
  const stop = () => source.destroy()
  const isStoppable = signal && typeof source.destroy === 'function'
  if (isStoppable) subscribe(signal, stop)
  try {
    return await chunksOf(source, most)
  } catch (error) {
    throw isStoppable && signal.aborted ? abortError(signal) : error
  } finally {
    if (isStoppable) unsubscribe(signal, stop)
  }
}

async function chunksOf(source, most) {
  const chunks = []
  let length = 0
  for await (const chunk of source) {
    // Somebody may have asked the stream for text.
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, source.readableEncoding) : chunk
    chunks.push(bytes)
    length += bytes.length
    if (length > most) return chunks
  }
  // A stream that was destroyed before ends without an error. This is the one that Node gives otherwise.
  if (source.readableAborted) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
  return chunks
}

/** The body of an answer as a stream. `read` resolves with a chunk, or with null at its end; `close` gives it up. */
function receive(head, read, close, signal) {
  const { Readable, finished } = streams()
  const stream = new Readable({
    read() {
      read().then(
        (chunk) => this.push(chunk),
        (error) => this.destroy(error),
      )
    },
    destroy(error, callback) {
      close()
      callback(error)
    },
  })
  Object.assign(stream, head)
  if (signal) {
    const abort = () => stream.destroy(abortError(signal))
    if (signal.aborted) abort()
    else {
      subscribe(signal, abort)
      finished(stream, () => unsubscribe(signal, abort))
    }
  }
  return stream
}

/** As Node's own streams end when their signal fires. */
function abortError(signal) {
  const error = new Error('The operation was aborted', { cause: signal.reason })
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })
}

/**
 * A function that reads these variables of `process.env`. It gives them only if they are others than the last time, and behind
 * them whether somebody observes calls; else only that.
 * `NO_PROXY` matters where there is a proxy, and `REQUEST_METHOD` where there is an `HTTP_PROXY`: not read elsewhere.
 *
 * Each request reads them. Names that are written out take half the time of names in a list.
 */
function environmentReader(names) {
  const known = Object.fromEntries(names.map((name) => [name, undefined]))
  let isRead = false

  function hasChanged(env) {
    const { http_proxy, HTTP_PROXY, https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY } = env
    if (
      http_proxy !== known.http_proxy ||
      HTTP_PROXY !== known.HTTP_PROXY ||
      https_proxy !== known.https_proxy ||
      HTTPS_PROXY !== known.HTTPS_PROXY ||
      all_proxy !== known.all_proxy ||
      ALL_PROXY !== known.ALL_PROXY ||
      env.NODE_DEBUG !== known.NODE_DEBUG ||
      env.NODE_EXTRA_CA_CERTS !== known.NODE_EXTRA_CA_CERTS ||
      env.NODE_TLS_REJECT_UNAUTHORIZED !== known.NODE_TLS_REJECT_UNAUTHORIZED ||
      env.SSL_CERT_DIR !== known.SSL_CERT_DIR ||
      env.SSL_CERT_FILE !== known.SSL_CERT_FILE ||
      env.SOCKET_CALLER_USER_AGENT !== known.SOCKET_CALLER_USER_AGENT
    ) {
      return true
    }
    if (HTTP_PROXY && env.REQUEST_METHOD !== known.REQUEST_METHOD) return true
    const isProxied =
      http_proxy || HTTP_PROXY || https_proxy || HTTPS_PROXY || all_proxy || ALL_PROXY
    return isProxied && (env.no_proxy !== known.no_proxy || env.NO_PROXY !== known.NO_PROXY)
  }

  return () => {
    const env = environment()
    if (isRead && !hasChanged(env)) return isObserved()
    if (!isRead) writeMetricsAtExit(env)
    isRead = true
    for (const name of names) known[name] = env[name]
    return [...names.map((name) => known[name]), isObserved()]
  }
}

/** Asked once, by the first call: without the variable nothing is registered, and nothing is asked again. */
function writeMetricsAtExit({ SOCKET_METRICS_FILE }) {
  if (!SOCKET_METRICS_FILE) return
  // Of a Worker too: what it writes, nobody writes again.
  process.once('exit', () => require('./index.js').flushMetrics())
}

/** The variables of the process, and none that somebody has put on `Object.prototype`. */
function environment() {
  return isPolluted() ? { __proto__: null, ...process.env } : process.env
}

/** Through the process object of the calling JavaScript: a Worker has its own. */
function warn(message) {
  process.emitWarning(message)
}

const { getPrototypeOf, hasOwn, prototype: plain } = Object
const empty = {}

/**
 * The object without what comes from `Object.prototype`: whoever can write there must not choose proxies and certificates
 * of calls. Other prototypes are the caller's. Gives `undefined` where the object itself will do.
 */
function withoutPlain(object) {
  const parent = getPrototypeOf(object)
  if (parent === plain) return isPolluted() ? ownView(object, plain) : undefined
  if (parent === null) return undefined
  let root = parent
  for (let above = parent; above !== null; above = getPrototypeOf(above)) root = above
  if (root === plain ? isPolluted() : isPlain(root)) return ownView(object, root)
  return undefined
}

/** Takes some nanoseconds where nobody has. Only assignments are noticed: definitions need code that runs here. */
function isPolluted() {
  for (const _ in empty) return true
  return false
}

/** Whether this is the `Object.prototype` of another realm, as of `node:vm`. */
function isPlain(root) {
  return (
    hasOwn(root, 'hasOwnProperty') &&
    hasOwn(root, 'constructor') &&
    typeof root.constructor === 'function' &&
    root.constructor.prototype === root
  )
}

/** Reads what an object and its prototypes below `root` have; getters run on the object itself. */
function ownView(object, root) {
  return new Proxy(object, {
    get(target, name) {
      for (let at = target; at !== null && at !== root; at = getPrototypeOf(at)) {
        if (hasOwn(at, name)) return target[name]
      }
      return undefined
    },
  })
}

/** Gives back the object that it is given, so that a class that extends it adds its fields to that. */
class Given {
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: see above
    return object
  }
}

/** A response with the parts of its timings, which nobody else sees: not a spread, not a comparison. */
class Timed extends Given {
  #parts

  constructor(response, parts) {
    super(response)
    this.#parts = parts
  }

  static timings(response) {
    if (!(#parts in response)) return undefined
    const [dns, connect, firstByte, total] = response.#parts
    return {
      ...(Number.isNaN(dns) ? {} : { dns }),
      ...(Number.isNaN(connect) ? {} : { connect }),
      firstByte,
      total,
    }
  }
}

const timings = {
  configurable: true,
  get() {
    return Timed.timings(this)
  },
}

/** Gives a response its `timings`, computed when somebody looks. Not enumerable, as they are never those of another one. */
function setTimings(response, dns, connect, firstByte, total) {
  new Timed(response, [dns, connect, firstByte, total])
  Object.defineProperty(response, 'timings', timings)
}

/** A function of observer.js, which few need. */
function observer(name, ...args) {
  return require('./observer.js')[name](...args)
}

/** Who waits for a signal. One listener for all of them: Node warns of more than ten, and searches its list for each. */
const waiting = new WeakMap()

/** Calls `fire` when the signal fires. */
function subscribe(signal, fire) {
  let group = waiting.get(signal)
  if (group === undefined) {
    const all = new Set()
    const listener = () => {
      waiting.delete(signal)
      signal.removeEventListener('abort', listener)
      for (const each of all) each()
    }
    group = { all, listener }
    signal.addEventListener('abort', listener)
    waiting.set(signal, group)
  }
  group.all.add(fire)
}

/** The last one takes the listener away. */
function unsubscribe(signal, fire) {
  const group = waiting.get(signal)
  if (group === undefined) return
  group.all.delete(fire)
  if (group.all.size > 0) return
  waiting.delete(signal)
  signal.removeEventListener('abort', group.listener)
}

/** Where metrics are written. */
function metricsFile() {
  return environment().SOCKET_METRICS_FILE
}

/** Says it once, where `NODE_DEBUG=socket-registry` asks for it. */
function debug(message) {
  if (said.has(message)) return
  said.add(message)
  require('node:util').debuglog('socket-registry')(message)
}

const said = new Set()

/** Where caches on disk are, unless the caller says so. */
function cacheDirectory() {
  const { SOCKET_CACACHE_DIR } = environment()
  if (SOCKET_CACACHE_DIR) return SOCKET_CACACHE_DIR
  const { homedir } = require('node:os')
  const { join } = require('node:path')
  return join(homedir(), '.socket', '_cacache')
}

module.exports = {
  HttpResponseError,
  cacheDirectory,
  collect,
  debug,
  environmentReader,
  metricsFile,
  observer,
  receive,
  send,
  setTimings,
  warn,
  subscribe,
  unsubscribe,
  withoutPlain,
}
