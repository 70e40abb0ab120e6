'use strict'

// Things that only JavaScript can do: streams, readers of streams, a class that extends Error.
// index.js registers them with the addon.

const { isObserved } = require('./channels.js')
const { isIntercepted } = require('./interception.js')
const { setTimings } = require('./timings.js')

/** Loaded lazily: `node:stream` alone is a third of this package's load time. */
const streams = () => require('node:stream')

/** The error of a response whose status is outside 200 to 299. */
class HttpResponseError extends Error {
  constructor(response, message) {
    super(message ?? `HTTP ${response.status}: ${response.statusText || 'No status message'}`)
    this.name = 'HttpResponseError'
    this.code = 'ERR_HTTP_STATUS'
    this.status = response.status
    this.response = response
  }
}

/** Loaded lazily: most bodies are strings and Buffers, which the addon reads by itself. */
const bodies = () => require('./request-body.js')

/**
 * Reads a stream into a request. `write` resolves with `false` if no more is wanted. `end` takes
 * the error of the stream.
 */
async function send(source, write, end) {
  try {
    const { chunkOf, modernStream } = bodies()
    const chunks = Symbol.asyncIterator in source ? source : modernStream(source)
    for await (const chunk of chunks) {
      if (!(await write(chunkOf(chunk)))) return
    }
    end()
  } catch (error) {
    end(error)
  }
}

/** Reads a whole body. `read` is that of `requestBody` in request-body.js. */
async function readBody(read, done, failed) {
  try {
    const { bytes, type } = await read()
    done(bytes, type)
  } catch (error) {
    failed(error)
  }
}

/**
 * The chunks of a stream as bytes; `undefined` if it is not a stream. Ends early at more than
 * `most` bytes, which the addon will refuse.
 */
async function collect(source, options, most) {
  if (typeof source?.[Symbol.asyncIterator] !== 'function') return undefined
  // The addon refuses options that are not an object.
  const isObject = typeof options === 'object' && options !== null
  const given = isObject ? (withoutPlain(options) ?? options) : Object.create(null)
  const { signal } = given
  // Without an error: it would become the error of the request, which ends the process if nobody
  // listens.
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
    // The caller may have set an encoding on the stream.
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, source.readableEncoding) : chunk
    chunks.push(bytes)
    length += bytes.length
    if (length > most) return chunks
  }
  // A stream that was destroyed before ends without an error. Otherwise Node.js emits this one.
  if (source.readableAborted) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
  return chunks
}

/**
 * The body of a response as a stream. `read` resolves with a chunk, or with `null` at the end;
 * `close` closes the connection.
 */
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

/**
 * `rawResponse` of a response that has its body: a stream that has ended. Created when it is looked
 * at, and not enumerable: logging or comparing a response must not load streams.
 */
const rawResponse = {
  configurable: true,
  get() {
    const { Readable } = streams()
    const { status: statusCode, statusText: statusMessage, headers } = this
    const value = Object.assign(new Readable(), { statusCode, statusMessage, headers })
    value.push(null)
    value.read()
    Object.defineProperty(this, 'rawResponse', { configurable: true, writable: true, value })
    return value
  },
  set(value) {
    Object.defineProperty(this, 'rawResponse', { configurable: true, writable: true, value })
  },
}

/**
 * `rawResponse` and `timings` by one call: calls from the addon cost more than what they do here.
 */
function completeResponse(response, dns, connect, firstByte, total) {
  Object.defineProperty(response, 'rawResponse', rawResponse)
  setTimings(response, dns, connect, firstByte, total)
}

/** The error with which streams of Node.js end when their signal fires. */
function abortError(signal) {
  const error = new Error('The operation was aborted', { cause: signal.reason })
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })
}

/**
 * Creates a function that reads these variables of `process.env`. It returns them only if they have
 * changed since the last call, and behind them whether anybody observes calls; otherwise `true` if
 * somebody does. `NO_PROXY` is read only if a proxy is set, and `REQUEST_METHOD` only if
 * `HTTP_PROXY` is.
 *
 * Each request reads them. Names that are written out take half the time of names in a list.
 *
 * The values are followed by whether `node:http` is intercepted.
 */
function environmentReader(names) {
  const known = Object.fromEntries(names.map((name) => [name, undefined]))
  let isRead = false
  let wasIntercepted = false

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
      env.SOCKET_CALLER_USER_AGENT !== known.SOCKET_CALLER_USER_AGENT ||
      env.SOCKET_HTTP_TRANSPORT !== known.SOCKET_HTTP_TRANSPORT
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
    const isIntercepting = isIntercepted()
    if (isRead && isIntercepting === wasIntercepted && !hasChanged(env)) {
      return isObserved() || undefined
    }
    if (!isRead) writeMetricsAtExit(env)
    isRead = true
    wasIntercepted = isIntercepting
    for (const name of names) known[name] = env[name]
    return [...names.map((name) => known[name]), isIntercepting, isObserved()]
  }
}

/**
 * Called once, by the first call: without the variable nothing is registered, and it is not read
 * again.
 */
function writeMetricsAtExit({ SOCKET_METRICS_FILE }) {
  if (!SOCKET_METRICS_FILE) return
  // Of a Worker too: each line has what no line before it has.
  process.once('exit', () => require('./index.js').flushMetrics())
}

/** The variables of the process, without properties of a polluted `Object.prototype`. */
function environment() {
  return isPolluted() ? { __proto__: null, ...process.env } : process.env
}

/** Emits a warning on the process object of the calling JavaScript: a Worker has its own. */
function warn(message) {
  process.emitWarning(message)
}

const { getPrototypeOf, hasOwn, prototype: plain } = Object
const empty = {}

/**
 * The object without properties of `Object.prototype`: code that can write there must not choose
 * the proxies and certificates of calls. Other prototypes are the caller's. Returns `undefined` if
 * the object itself can be used.
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

/**
 * Whether properties have been assigned to `Object.prototype`. Takes some nanoseconds if not.
 * Properties that are defined as not enumerable are not noticed: they need code that runs here.
 */
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

/** A view of an object and its prototypes below `root`. Getters run on the object itself. */
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

/**
 * Header fields as a list: whether they are a record, and then names and values in turn.
 * `undefined` if they cannot be read, which must not send nothing.
 */
function headerEntries(headers) {
  if (typeof headers[Symbol.iterator] === 'function') {
    const list = [false]
    for (const pair of headers) {
      if (typeof pair?.[Symbol.iterator] !== 'function' || typeof pair === 'string')
        return undefined
      const entry = [...pair]
      if (entry.length !== 2) return undefined
      list.push(...entry)
    }
    return list
  }
  const list = [true]
  for (const name of Object.keys(headers)) list.push(name, headers[name])
  return list.length > 1 || isRecord(headers) ? list : undefined
}

/** Whether an object without properties is an empty record: `{}`, but no `Promise`. */
function isRecord(object) {
  const parent = getPrototypeOf(object)
  return parent === null || getPrototypeOf(parent) === null
}

/**
 * The subscribers of each signal. They share one listener: Node.js warns of more than ten, and
 * searches its list for each.
 */
const groups = new WeakMap()

/** Calls `fire` when the signal fires. */
function subscribe(signal, fire) {
  let group = groups.get(signal)
  if (group === undefined) {
    const all = new Set()
    const listener = () => {
      groups.delete(signal)
      signal.removeEventListener('abort', listener)
      for (const each of all) each()
    }
    group = { all, listener }
    signal.addEventListener('abort', listener)
    groups.set(signal, group)
  }
  group.all.add(fire)
}

/** Ends a subscription. The last one removes the listener. */
function unsubscribe(signal, fire) {
  const group = groups.get(signal)
  if (group === undefined) return
  group.all.delete(fire)
  if (group.all.size > 0) return
  groups.delete(signal)
  signal.removeEventListener('abort', group.listener)
}

/** The file of metrics. */
function metricsFile() {
  return environment().SOCKET_METRICS_FILE
}

const said = new Set()

/** Says something once, where `NODE_DEBUG=socket-registry` asks for it. */
function debug(message) {
  if (said.has(message)) return
  said.add(message)
  require('node:util').debuglog('socket-registry')(message)
}

/** The default directory of caches on disk. */
function cacheDirectory() {
  const { SOCKET_CACACHE_DIR } = environment()
  if (SOCKET_CACACHE_DIR) return SOCKET_CACACHE_DIR
  const { homedir } = require('node:os')
  const { join } = require('node:path')
  return join(homedir(), '.socket', '_cacache')
}

/** Loaded lazily: loading `node:http` takes longer than loading all of this package. */
const nodeTransport = () => require('./node-transport.js')

/** The rules for mirrors of downloads, and whether nothing else is asked. */
function downloadMirrors() {
  const { SOCKET_DOWNLOAD_MIRRORS, SOCKET_DOWNLOAD_MIRRORS_ONLY } = environment()
  return [SOCKET_DOWNLOAD_MIRRORS, SOCKET_DOWNLOAD_MIRRORS_ONLY]
}

/** The limit of all downloads of the process, as text. */
function downloadRate() {
  return environment().SOCKET_DOWNLOAD_RATE
}

module.exports = {
  HttpResponseError,
  abortError,
  abortExchange: (number) => nodeTransport().abortExchange(number),
  cacheDirectory,
  captureContext: () => nodeTransport().captureContext(),
  collect,
  completeResponse,
  debug,
  downloadMirrors,
  downloadRate,
  environmentReader,
  exchange: (...all) => nodeTransport().exchange(...all),
  headerEntries,
  metricsFile,
  // Few programs need it.
  observer: () => require('./observer.js'),
  readBody,
  receive,
  releaseContext: (context) => nodeTransport().releaseContext(context),
  requestBody: (value) => bodies().requestBody(value),
  resumeExchange: (number) => nodeTransport().resumeExchange(number),
  send,
  setTimings,
  warn,
  subscribe,
  unsubscribe,
  withoutPlain,
}
