'use strict'

// The diagnostics channels that calls are published to. If anybody has subscribed, observer.js is
// loaded, which publishes.

const { channel } = require('node:diagnostics_channel')

/** The five channels of a tracing channel, as `node:diagnostics_channel` names them. */
const tracing = (name) => ({
  start: channel(`tracing:${name}:start`),
  end: channel(`tracing:${name}:end`),
  asyncStart: channel(`tracing:${name}:asyncStart`),
  asyncEnd: channel(`tracing:${name}:asyncEnd`),
  error: channel(`tracing:${name}:error`),
})

/** The channels of undici, which observers of `fetch` subscribe to. */
const create = channel('undici:request:create')
const sendHeaders = channel('undici:client:sendHeaders')
const bodySent = channel('undici:request:bodySent')
const headers = channel('undici:request:headers')
const trailers = channel('undici:request:trailers')
const failure = channel('undici:request:error')

const download = tracing('socket-registry:download')
const lock = tracing('socket-registry:lock')
const error = channel('socket-registry:error')

const isTraced = ({ start, end, asyncStart, asyncEnd, error }) =>
  start.hasSubscribers ||
  end.hasSubscribers ||
  asyncStart.hasSubscribers ||
  asyncEnd.hasSubscribers ||
  error.hasSubscribers

/**
 * Whether anybody has subscribed to anything that calls publish. Asked by every call: takes some
 * nanoseconds.
 */
const isObserved = () =>
  create.hasSubscribers ||
  headers.hasSubscribers ||
  trailers.hasSubscribers ||
  failure.hasSubscribers ||
  sendHeaders.hasSubscribers ||
  bodySent.hasSubscribers ||
  error.hasSubscribers ||
  isTraced(lock)

module.exports = {
  undici: { create, sendHeaders, bodySent, headers, trailers, error: failure },
  download,
  lock,
  error,
  isObserved,
  isDownloadTraced: () => isTraced(download),
}
