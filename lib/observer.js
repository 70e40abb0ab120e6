'use strict'

// Publishes calls to diagnostics channels, in the AsyncLocalStorage context of their callers. The
// addon calls these functions by name. What a subscriber throws is an uncaught exception of the
// process, as on every channel, and changes nothing here.

const { AsyncResource } = require('node:async_hooks')
const { error: errors, lock, undici } = require('./channels.js')

/** The calls that are observed, by their numbers. */
const calls = new Map()
let last = 0

/** A call begins, now and in this context. */
function observe() {
  last = (last + 1) % 2 ** 32
  const resource = new AsyncResource('SOCKETREGISTRYCALL')
  calls.set(last, { resource, exchanges: new Map(), locks: new Map() })
  return last
}

/** Nothing of it is to come. */
function forget(call) {
  calls.get(call)?.resource.emitDestroy()
  calls.delete(call)
}

/** Publishes in the context of a call. */
function publish(call, channel, message) {
  if (channel.hasSubscribers) {
    calls.get(call)?.resource.runInAsyncScope(() => channel.publish(message))
  }
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/

/** A request, as far as subscribers of undici's channels look at one. */
class ObservedRequest {
  #added = []
  #isSent = false
  completed = false
  aborted = false

  constructor(origin, path, method, headers) {
    this.origin = origin
    this.path = path
    this.method = method
    /** Names and values by turns. */
    this.headers = headers
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
      this.#added.push(String(name), text)
    }
    return this
  }

  /** The fields that were added. */
  static send(request) {
    request.#isSent = true
    return request.#added
  }
}

/** Returns the fields that subscribers have added, if any. */
function created(call, exchange, origin, path, method, fields) {
  const request = new ObservedRequest(origin, path, method, split(fields))
  calls.get(call)?.exchanges.set(exchange, request)
  publish(call, undici.create, { request })
  const added = ObservedRequest.send(request)
  return added.length > 0 ? added : undefined
}

/** Names and values by turns. */
const split = (fields) => (fields === '' ? [] : fields.split('\n'))

/** The end of the exchange and of the call often come with the head. */
function responded(call, exchange, isEnded, isLast, ...parts) {
  const observed = calls.get(call)
  const request = observed?.exchanges.get(exchange)
  // One scope for the three channels.
  if (request) observed.resource.runInAsyncScope(publishHead, undefined, request, ...parts)
  if (isEnded) ended(call, exchange)
  if (isLast) forget(call)
}

function publishHead(request, statusCode, statusText, fields, address, port, isHttp2) {
  if (undici.sendHeaders.hasSubscribers) {
    // The client reports the connection with the response.
    const alpnProtocol = isHttp2 ? 'h2' : false
    const socket = { remoteAddress: address, remotePort: port, alpnProtocol }
    undici.sendHeaders.publish({ request, headers: rawHead(request), socket })
  }
  if (undici.bodySent.hasSubscribers) undici.bodySent.publish({ request })
  if (!undici.headers.hasSubscribers) return
  let headers
  const response = {
    statusCode,
    statusText,
    // Many subscribers do not look at them.
    get headers() {
      headers ??= split(fields).map((text) => Buffer.from(text, 'latin1'))
      return headers
    },
  }
  undici.headers.publish({ request, response })
}

function rawHead({ method, path, headers }) {
  let text = `${method} ${path} HTTP/1.1\r\n`
  for (let index = 0; index < headers.length; index += 2) {
    text += `${headers[index]}: ${headers[index + 1]}\r\n`
  }
  return text
}

function ended(call, exchange) {
  const request = over(call, exchange)
  if (!request) return
  request.completed = true
  publish(call, undici.trailers, { request, trailers: [] })
}

function failed(call, exchange, error) {
  const request = over(call, exchange)
  if (!request) return
  request.aborted = true
  publish(call, undici.error, { request, error: named(error) })
}

function over(call, exchange) {
  const exchanges = calls.get(call)?.exchanges
  const request = exchanges?.get(exchange)
  exchanges?.delete(exchange)
  return request
}

/** Subscribers know by the name that somebody wanted this end. */
function named(error) {
  return error.code === 'ABORT_ERR' ? Object.assign(error, { name: 'AbortError' }) : error
}

function lockWanted(call, number, lockPath, destPath, url) {
  const context = { lockPath, destPath, url }
  calls.get(call)?.locks.set(number, context)
  publish(call, lock.start, context)
  publish(call, lock.end, context)
}

function lockEnded(call, number, acquired) {
  const context = calls.get(call)?.locks.get(number)
  if (context) settle(call, number, Object.assign(context, { result: { acquired } }))
}

function lockFailed(call, number, error) {
  const context = calls.get(call)?.locks.get(number)
  if (!context) return
  context.error = named(error)
  publish(call, lock.error, context)
  settle(call, number, context)
}

function settle(call, number, context) {
  calls.get(call)?.locks.delete(number)
  publish(call, lock.asyncStart, context)
  publish(call, lock.asyncEnd, context)
}

function error(call, message) {
  publish(call, errors, message)
}

module.exports = {
  created,
  ended,
  error,
  failed,
  forget,
  lockEnded,
  lockFailed,
  lockWanted,
  observe,
  responded,
}
