'use strict'

// Sums of what processes wrote to SOCKET_METRICS_FILE, for the command `socket-registry metrics`.

const { sumMetrics } = require('./native.js')
const { inOneLine } = require('./printable.js')

/**
 * Adds up the lines of a file of metrics. Lines that cannot be read are counted and passed over.
 * The quantiles of durations are estimated from buckets, as Prometheus does.
 *
 * @param {string} file
 * @returns {{
 *   lines: number,
 *   broken: number,
 *   metrics: import('../index.js').Metrics,
 *   errors: import('../index.js').ErrorMetrics[],
 *   prometheus: string,
 * }}
 */
function sumMetricsFile(file) {
  return sumMetrics(file)
}

/** A sum as text for people. */
function describeMetrics({ lines, broken, metrics, errors }) {
  const { requests, downloads, locks, cache, connections } = metrics
  const unread = broken > 0 ? `, and ${times(broken, 'line')} that cannot be read` : ''
  const { p50, p90, p99 } = requests.duration
  const hits = cache.memoryHits + cache.diskHits + cache.revalidated + cache.stale
  const text = [
    `${times(lines, 'line')} of processes${unread}`,
    '',
    `Requests     ${times(requests.total, 'request')}, ${share(requests.succeeded, requests.total)} succeeded`,
    `             ${times(requests.retries, 'retry', 'retries')}, ${share(requests.retries, requests.total)} more attempts`,
    `             half within ${duration(p50)}, 90 % within ${duration(p90)}, 99 % within ${duration(p99)}`,
    `Downloads    ${times(downloads.total, 'call')}: ${downloads.published} published, ${downloads.cached} cached, ${downloads.shared} shared, ${downloads.failed} failed`,
    `             ${bytes(downloads.bytes)} fetched, ${bytes(downloads.bytesSaved)} saved, ${share(downloads.cached + downloads.shared, downloads.total - downloads.failed)} of files not fetched again`,
    `Locks        ${times(locks.waited, 'wait')}, ${duration(locks.wait.p90)} for 90 % of them; ${locks.timedOut} timed out, ${locks.takenOver} taken over`,
    `Cache        ${share(hits, hits + cache.misses)} of ${times(hits + cache.misses, 'call')} served from it`,
    `Connections  ${connections.opened} opened, ${share(connections.reused, connections.opened + connections.reused)} of responses on one that was open`,
  ]
  if (errors.length > 0) text.push('', 'Errors, the most frequent first')
  for (const { operation, code, host, status, count, message } of errors) {
    const kind = [operation, code, status, host].filter((part) => part !== undefined).join(' ')
    text.push(inOneLine(`  ${kind}: ${times(count, 'time')}, last: ${message}`))
  }
  return `${text.join('\n')}\n`
}

const times = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`

function share(part, whole) {
  return whole > 0 ? `${((part / whole) * 100).toFixed(1)} %` : '–'
}

function duration(milliseconds) {
  return milliseconds < 1000
    ? `${Math.round(milliseconds)} ms`
    : `${(milliseconds / 1000).toFixed(1)} s`
}

function bytes(count) {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  const index = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), units.length - 1)
  return index === 0
    ? times(count, 'byte')
    : `${(count / 1000 ** index).toFixed(1)} ${units[index]}`
}

module.exports = { describeMetrics, sumMetricsFile }
