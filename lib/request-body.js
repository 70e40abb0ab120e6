'use strict'

// Request bodies as `fetch` takes them, besides strings and Buffers. No check is by class, so that
// values of other realms are recognized as well: those of `node:vm`, and thereby of test runners.
// Loaded by the first request that has such a body.

const { types } = require('node:util')

const NAME = 'options.body'

/**
 * Converts a body to a form that the addon reads. Returns `undefined` if it is not a body.
 *
 * - `bytes`: the whole body.
 * - `blob`: a function that returns a promise of `{ bytes }`, the whole body.
 * - `form`: a function that returns a promise of `{ bytes, type }`, with the `Content-Type`.
 * - `stream`: a `Readable`.
 * - `headers`: the fields of the body.
 */
function requestBody(value) {
  const bytes = bytesOf(value)
  if (bytes !== undefined) return { bytes }
  switch (Object.prototype.toString.call(value)) {
    case '[object URLSearchParams]':
      return {
        bytes: Buffer.from(String(value)),
        headers: { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' },
      }
    case '[object Blob]':
    case '[object File]':
      if (!isFunction(value.arrayBuffer)) return undefined
      return {
        blob: async () => ({ bytes: new Uint8Array(await value.arrayBuffer()) }),
        headers: { 'content-type': value.type || undefined },
      }
    case '[object FormData]':
      return isFunction(value[Symbol.iterator]) ? { form: () => encodedForm(value) } : undefined
  }
  if (isFunction(value.getReader)) return { stream: readable(chunksOf(value)) }
  if (isFunction(value[Symbol.asyncIterator])) return { stream: readable(value) }
  return undefined
}

const isFunction = (value) => typeof value === 'function'

/**
 * The bytes of an `ArrayBuffer`, a `SharedArrayBuffer` or a view of one; `undefined` for any other
 * value. Shared memory is copied: it may change before the addon reads it.
 */
function bytesOf(value) {
  let bytes
  if (types.isAnyArrayBuffer(value)) bytes = new Uint8Array(value)
  else if (ArrayBuffer.isView(value)) {
    bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  } else return undefined
  return types.isSharedArrayBuffer(bytes.buffer) ? bytes.slice() : bytes
}

/** Encodes a form as `multipart/form-data`, by the `Response` of Node.js. */
async function encodedForm(form) {
  // The classes of the process: in a test runner, the globals may belong to a simulated browser.
  const { Blob, FormData, Response } = require('node:vm').runInThisContext(
    '({ Blob, FormData, Response })',
  )
  const response = new Response(
    form instanceof FormData ? form : await copiedForm(form, new FormData(), Blob),
  )
  const type = response.headers.get('content-type')
  return { bytes: new Uint8Array(await response.arrayBuffer()), type }
}

/** Copies a form of another class, which `Response` would not take for a form. */
async function copiedForm(form, copy, Blob) {
  // All entries first: the caller may change the form while its files are read.
  for (const [name, value] of [...form]) {
    if (typeof value === 'string') copy.append(name, value)
    else {
      const content = new Blob([await value.arrayBuffer()], { type: value.type })
      copy.append(name, content, value.name ?? 'blob')
    }
  }
  return copy
}

/** The chunks of a web stream. Ending the iteration cancels the stream, also during a read. */
function chunksOf(stream) {
  if (stream.locked || require('node:stream').isDisturbed(stream)) {
    const message = `The argument "${NAME}" must be a stream that nobody reads or has read`
    throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_VALUE' })
  }
  let reader
  const cancel = async (reason) => {
    await (reader ?? stream).cancel(reason)
    return { done: true, value: undefined }
  }
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next() {
      reader ??= stream.getReader()
      return reader.read()
    },
    return: () => cancel(),
    throw: cancel,
  }
}

/** An async iterable as a `Readable`, which can be destroyed. */
function readable(iterable) {
  const stream = require('node:stream').Readable.from(iterable)
  // After it was destroyed, nobody waits for what its source still reports.
  stream.on('error', () => {})
  return stream
}

/** A chunk of a stream as a string or bytes. Other values are returned as they are. */
function chunkOf(chunk) {
  return typeof chunk === 'string' ? chunk : (bytesOf(chunk) ?? chunk)
}

/**
 * A stream of the old kind, such as form-data's, as one that can be iterated over. It may end, or
 * fail, while `pipe` runs.
 */
function modernStream(source) {
  const through = new (require('node:stream').PassThrough)()
  if (source.readable === false) return through.end()
  // By a mark of combined-stream, on which form-data is built. Such a form emits nothing any more.
  if (source._released === true) {
    const message = `The argument "${NAME}" must be a form that has not been read: create a new one`
    throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_VALUE' })
  }
  source.on('error', (error) => through.destroy(error))
  source.pipe(through)
  return through
}

module.exports = { chunkOf, modernStream, requestBody }
