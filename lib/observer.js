'use strict'

// Publishes calls to diagnostics channels, in the AsyncLocalStorage context of their callers. The
// addon calls these functions by name. What a subscriber throws is an uncaught exception of the
// process, as on every channel, and changes nothing here.

const { AsyncResource } = require('node:async_hooks')
const { error: errors, lock, undici } = require('./channels.js')

// By the numbers that the addon gives them: the contexts of calls, and the requests and locks of
// which more is to come.
const calls = new Map()
const requests = new Map()
const locks = new Map()

const RESOURCE = { requireManualDestroy: true }

/** A call begins, now and in this context. */
function begin(call) {
  calls.set(call, new AsyncResource('SOCKETREGISTRYCALL', RESOURCE))
}

/** Nothing of it is to come. */
function forget(call) {
  calls.get(call)?.emitDestroy()
  calls.delete(call)
}

/** Publishes in the context of a call. */
function publish(call, channel, message) {
  if (channel.hasSubscribers) {
    calls.get(call)?.runInAsyncScope(channel.publish, channel, message)
  }
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/

/** A request, as far as subscribers of undici's channels look at one. */
class ObservedRequest {
  #fields
  #headers
  #added
  #isSent = false
  completed = false
  aborted = false

  constructor(method, origin, path, fields) {
    this.method = method
    this.origin = origin
    this.path = path
    this.#fields = fields
  }

  /** Names and values by turns. Many subscribers do not look at them. */
  get headers() {
    this.#headers ??= split(this.#fields)
    return this.#headers
  }

  /** Has an effect until the request is sent, which is when the subscribers have returned. */
  addHeader(name, value) {
    const text = String(value)
    if (!TOKEN.test(name) || NOT_IN_VALUE.test(text)) {
      const error = new TypeError(`Invalid header field: ${name}`)
      throw Object.assign(error, { code: 'ERR_INVALID_ARG_VALUE' })
    }
    if (!this.#isSent) {
      this.headers.push(String(name), text)
      this.#added ??= []
      this.#added.push(String(name), text)
    }
    return this
  }

  /** The fields that were added, if any. */
  static send(request) {
    request.#isSent = true
    return request.#added
  }
}

/** Lines that all end with a line feed. */
const split = (lines) => (lines === '' ? [] : lines.slice(0, -1).split('\n'))

// Getters of classes: those of an object literal are defined for each object, which takes longer
// than all else here.

class SentHeaders {
  constructor(request, socket) {
    this.request = request
    this.socket = socket
  }

  get headers() {
    return rawHead(this.request)
  }
}

class ObservedResponse {
  #fields
  #headers

  constructor(statusCode, statusText, fields) {
    this.statusCode = statusCode
    this.statusText = statusText
    this.#fields = fields
  }

  get headers() {
    this.#headers ??= split(this.#fields).map((text) => Buffer.from(text, 'latin1'))
    return this.#headers
  }
}

/** Returns the fields that subscribers have added, if any. The first request may begin its call. */
function created(call, exchange, lines) {
  if (!calls.has(call)) begin(call)
  const method = lines.indexOf('\n')
  const origin = lines.indexOf('\n', method + 1)
  const path = lines.indexOf('\n', origin + 1)
  const request = new ObservedRequest(
    lines.slice(0, method),
    lines.slice(method + 1, origin),
    lines.slice(origin + 1, path),
    lines.slice(path + 1),
  )
  requests.set(exchange, request)
  publish(call, undici.create, { request })
  return ObservedRequest.send(request)
}

/** The end of the exchange and of the call often come with the head. */
function responded(call, exchange, isEnded, isLast, status, lines, port, isHttp2) {
  const request = requests.get(exchange)
  if (isEnded) requests.delete(exchange)
  if (request) {
    const resource = calls.get(call)
    // One scope for the channels.
    resource?.runInAsyncScope(
      publishHead,
      undefined,
      request,
      isEnded,
      status,
      lines,
      port,
      isHttp2,
    )
  }
  if (isLast) forget(call)
}

function publishHead(request, isEnded, status, lines, port, isHttp2) {
  const statusText = lines.indexOf('\n')
  const address = lines.indexOf('\n', statusText + 1)
  if (undici.sendHeaders.hasSubscribers) {
    // The client reports the connection with the response.
    const remoteAddress = lines.slice(statusText + 1, address) || undefined
    const socket = { remoteAddress, remotePort: port, alpnProtocol: isHttp2 ? 'h2' : false }
    undici.sendHeaders.publish(new SentHeaders(request, socket))
  }
  if (undici.bodySent.hasSubscribers) undici.bodySent.publish({ request })
  if (undici.headers.hasSubscribers) {
    const fields = lines.slice(address + 1)
    const response = new ObservedResponse(status, lines.slice(0, statusText), fields)
    undici.headers.publish({ request, response })
  }
  if (isEnded) publishEnd(request)
}

function publishEnd(request) {
  request.completed = true
  if (undici.trailers.hasSubscribers) undici.trailers.publish({ request, trailers: [] })
}

function rawHead({ method, path, headers }) {
  let text = `${method} ${path} HTTP/1.1\r\n`
  for (let index = 0; index < headers.length; index += 2) {
    text += `${headers[index]}: ${headers[index + 1]}\r\n`
  }
  return text
}

function ended(call, exchange) {
  const request = over(exchange)
  if (request) calls.get(call)?.runInAsyncScope(publishEnd, undefined, request)
}

function failed(call, exchange, error) {
  const request = over(exchange)
  if (!request) return
  request.aborted = true
  publish(call, undici.error, { request, error: named(error) })
}

function over(exchange) {
  const request = requests.get(exchange)
  requests.delete(exchange)
  return request
}

/** Subscribers know by the name that somebody wanted this end. */
function named(error) {
  return error.code === 'ABORT_ERR' ? Object.assign(error, { name: 'AbortError' }) : error
}

function lockWanted(call, number, lockPath, destPath, url) {
  const context = { lockPath, destPath, url }
  locks.set(number, context)
  publish(call, lock.start, context)
  publish(call, lock.end, context)
}

function lockEnded(call, number, acquired) {
  const context = locks.get(number)
  if (context) settle(call, number, Object.assign(context, { result: { acquired } }))
}

function lockFailed(call, number, error) {
  const context = locks.get(number)
  if (!context) return
  context.error = named(error)
  publish(call, lock.error, context)
  settle(call, number, context)
}

function settle(call, number, context) {
  locks.delete(number)
  publish(call, lock.asyncStart, context)
  publish(call, lock.asyncEnd, context)
}

function error(call, message) {
  publish(call, errors, message)
}

module.exports = {
  begin,
  created,
  ended,
  error,
  failed,
  forget,
  lockEnded,
  lockFailed,
  lockWanted,
  responded,
}
