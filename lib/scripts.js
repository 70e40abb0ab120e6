'use strict'

// What only JavaScript can do: be a stream, read a stream, extend Error. Handed to the addon by index.js.

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
  // Streams of the old kind, as form-data's, cannot be iterated.
  const pieces =
    Symbol.asyncIterator in source ? source : pipeline(source, new PassThrough(), () => {})
  try {
    for await (const chunk of pieces) {
      if (!(await write(chunk))) return
    }
    end()
  } catch (error) {
    end(error)
  }
}

/** The default of `maxResponseSize`, as in src/options.rs. */
const TEXT_MAX = 2 ** 29

/** The most bytes that a body of `limit` bytes has under a content coding, as in src/policy/decoding.rs. */
const encodedMax = (limit) => limit + limit / 256 + 2 ** 16

/** The chunks of a stream as bytes; nothing of what is no stream. Ends early when the addon will refuse them for their size. */
async function collect(source, options) {
  if (typeof source?.[Symbol.asyncIterator] !== 'function') return undefined
  const { maxResponseSize = TEXT_MAX, signal } = options ?? {}
  const most = maxResponseSize === 0 ? Number.POSITIVE_INFINITY : encodedMax(maxResponseSize)
  if (signal && typeof source.destroy === 'function') streams().addAbortSignal(signal, source)
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
  const { Readable, addAbortSignal } = streams()
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
  return signal ? addAbortSignal(signal, stream) : stream
}

/** A function that reads these variables of `process.env`. It gives them only if they are others than the last time. */
function environmentReader(names) {
  let known = []
  return () => {
    const { env } = process
    const values = names.map((name) => env[name])
    if (values.every((value, index) => value === known[index])) return undefined
    known = values
    return values
  }
}

/** Through the process object of the calling JavaScript: a Worker has its own. */
function warn(message) {
  process.emitWarning(message)
}

/** Where caches on disk are, unless the caller says so. */
function cacheDirectory() {
  const { SOCKET_CACACHE_DIR } = process.env
  if (SOCKET_CACACHE_DIR) return SOCKET_CACACHE_DIR
  const { homedir } = require('node:os')
  const { join } = require('node:path')
  return join(homedir(), '.socket', '_cacache')
}

module.exports = {
  HttpResponseError,
  cacheDirectory,
  collect,
  environmentReader,
  receive,
  send,
  warn,
}
