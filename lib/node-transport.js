'use strict'

// Exchanges by node:http and node:https, for `transport: 'node'`. Loaded lazily. The other end is
// src/node/convert/host_client.rs.

const { AsyncResource } = require('node:async_hooks')
const http = require('node:http')
const https = require('node:https')
const { isIP } = require('node:net')

/** The largest head of a response, as in src/io/http/error.rs. */
const HEAD_MAX = 408 * 1024

/** The exchanges under way, by number. */
const exchanges = new Map()

/** The asynchronous contexts of calls under way, by number. */
const contexts = new Map()
let lastContext = 0

/** Keeps the context of the calling code, for the exchanges of its call. */
function captureContext() {
  lastContext = (lastContext + 1) >>> 0
  contexts.set(lastContext, new AsyncResource('SocketRegistryExchange'))
  return lastContext
}

function releaseContext(context) {
  contexts.delete(context)
}

/**
 * Sends a request. Events are reported to the functions of `sink`. Its `pull`, if present, resolves
 * with the next chunk of the request body, or with null at its end.
 */
function exchange(number, context, request, sink) {
  const resource = contexts.get(context)
  const start = () => new Exchange(number, request, sink)
  try {
    if (resource) resource.runInAsyncScope(start)
    else start()
  } catch (error) {
    // The request is invalid, or the module was patched.
    exchanges.delete(number)
    fail(sink, error, false)
  }
}

function fail(sink, error, isReused) {
  const [message, code, syscall, name] = describe(error)
  sink.fail(message, code, syscall, name, isReused)
}

/**
 * The texts of an error. Agents and mocks may fail with any value, even one that cannot be read.
 */
function describe(error) {
  const text = (value) => (typeof value === 'string' ? value : undefined)
  try {
    const { message, code, syscall, name } = Object(error)
    return [text(message) ?? String(error), text(code), text(syscall), text(name)]
  } catch {
    return ['an error that cannot be read']
  }
}

class Exchange {
  constructor(number, { method, url, headers, body, ca }, sink) {
    this.number = number
    this.sink = sink
    this.isOver = false
    exchanges.set(number, this)
    const target = new URL(url)
    // Looked up for each request, because it may have been patched. The agent is the global one.
    const module = target.protocol === 'https:' ? https : http
    const options = { method, headers, maxHeaderSize: HEAD_MAX }
    if (module === https) Object.assign(options, serverName(target), ca && trusting(ca))
    const request = module.request(target, options)
    this.request = request
    // Node would drop fields beyond its limit. The core refuses the response instead.
    request.maxHeadersCount = 0
    request.strictContentLength = true
    request.on('socket', (socket) => this.attempt(() => this.connect(socket)))
    request.on('response', (response) => this.attempt(() => this.receive(response)))
    request.on('upgrade', (response, socket) => this.attempt(() => this.upgrade(response, socket)))
    request.on('error', (error) => this.fail(error))
    // If there is a response, unread data may remain when its connection is closed.
    request.on('close', () => this.response ?? this.fail(hungUp('socket hang up')))
    if (sink.pull) send(request, sink.pull)
    else request.end(body)
  }

  /** Fails the request if a mock is not what Node would give, instead of the process. */
  attempt(action) {
    try {
      action()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Reports the connection. It does not keep the process alive: the promise of the call does. */
  connect(socket) {
    socket.unref?.()
    const isOpen = this.request.reusedSocket || !(socket.connecting || socket.secureConnecting)
    if (isOpen) this.sink.connect()
    else socket.once(socket.encrypted ? 'secureConnect' : 'connect', () => this.sink.connect())
  }

  receive(response) {
    this.response = response
    const { statusCode, statusMessage, rawHeaders } = response
    this.sink.head(statusCode, statusMessage, rawHeaders)
    const take = (chunk) => {
      if (!this.sink.chunk(chunk)) response.pause()
    }
    response.on('data', (chunk) => this.attempt(() => take(chunk)))
    response.on('end', () => this.end())
    response.on('error', (error) => this.fail(error))
    response.on('close', () => this.fail(hungUp('aborted')))
  }

  /** Closes the connection, which no caller could use. */
  upgrade({ statusCode, statusMessage, rawHeaders }, socket) {
    this.sink.head(statusCode, statusMessage, rawHeaders)
    this.end()
    socket.destroy()
  }

  end() {
    if (this.isOver) return
    this.close()
    this.sink.end()
    // The server did not read the rest of the request body.
    if (!this.request.writableFinished) this.destroy()
  }

  fail(error) {
    if (this.isOver) return
    this.close()
    fail(this.sink, error, this.request.reusedSocket === true)
    this.destroy()
  }

  /** Closes the connection. A mock may refuse, which must not end the process. */
  destroy() {
    try {
      this.request.destroy()
    } catch {
      // The exchange is over in any case.
    }
  }

  close() {
    this.isOver = true
    exchanges.delete(this.number)
  }
}

/**
 * The server name of the URL. Node would take it from a field `Host` of the caller, and expect a
 * certificate for that name.
 */
function serverName({ hostname }) {
  return { servername: isIP(hostname.replace(/^\[|\]$/g, '')) ? '' : hostname }
}

/** The error of Node for a connection that was closed. */
function hungUp(message) {
  return Object.assign(new Error(message), { code: 'ECONNRESET' })
}

/** Sends a body in chunks, each after the connection has taken the one before. */
async function send(request, pull) {
  try {
    for (let chunk = await pull(); chunk !== null; chunk = await pull()) {
      if (request.destroyed) return
      if (chunk.length > 0 && !request.write(chunk)) await drained(request)
    }
    request.end()
  } catch (error) {
    request.destroy(error)
  }
}

function drained(request) {
  return new Promise((resolve) => {
    const done = () => {
      request.off('drain', done)
      request.off('close', done)
      resolve()
    }
    request.on('drain', done)
    request.on('close', done)
  })
}

/** Ends an exchange without reporting it. */
function abortExchange(number) {
  const exchange = exchanges.get(number)
  if (!exchange) return
  exchange.close()
  exchange.destroy()
}

function resumeExchange(number) {
  const exchange = exchanges.get(number)
  exchange?.attempt(() => exchange.response?.resume())
}

/** Limit of cached lists of certificates: more than a program has. */
const TRUSTED_MAX = 16
/** TLS options by list of certificates. Reading those that Node trusts takes milliseconds. */
const trusted = new Map()

function trusting(ca) {
  const name = ca.join('\n')
  const known = trusted.get(name)
  if (known) return known
  const tls = require('node:tls')
  const secureContext = tls.createSecureContext({ ca: [...defaultAuthorities(tls), ...ca] })
  if (trusted.size >= TRUSTED_MAX) trusted.clear()
  // `ca` is in the names by which agents keep connections apart.
  const options = { ca, secureContext }
  trusted.set(name, options)
  return options
}

/** The certificates that Node trusts by default, including those of NODE_EXTRA_CA_CERTS. */
function defaultAuthorities(tls) {
  // Since Node 22.15.
  if (tls.getCACertificates) return tls.getCACertificates('default')
  const extra = process.env.NODE_EXTRA_CA_CERTS
  if (!extra) return tls.rootCertificates
  try {
    return [...tls.rootCertificates, require('node:fs').readFileSync(extra, 'utf8')]
  } catch {
    // Node has warned at its start.
    return tls.rootCertificates
  }
}

module.exports = { abortExchange, captureContext, exchange, releaseContext, resumeExchange }
