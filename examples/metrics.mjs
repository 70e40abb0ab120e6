// Prints the metrics of a program for a person: the success rate of requests, the overhead of
// retries, and the number of downloads that were not needed. Runs against a server of its own:
// node examples/metrics.mjs

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import { getErrors, getMetrics } from '@socketsecurity/registry/lib/metrics'

/** Every fourth request fails once; one path does not exist. */
function startServer() {
  let requests = 0
  const server = createServer((request, response) => {
    requests += 1
    if (request.url === '/missing') response.writeHead(404).end()
    else if (requests % 4 === 0) response.writeHead(503).end()
    else response.end('x'.repeat(100_000))
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

const percent = (part, whole) => `${((100 * part) / whole).toFixed(1)} %`

function report({ requests, downloads }, errors) {
  const needed = downloads.total - downloads.failed
  const avoided = downloads.cached + downloads.shared
  console.log(
    `Success rate, retries included: ${percent(requests.succeeded, requests.total)} of ${requests.total} requests`,
  )
  console.log(
    `Overhead of retries: ${percent(requests.retries, requests.total)} more attempts (${requests.retries})`,
  )
  console.log(
    `Redundant downloads avoided: ${percent(avoided, needed)} of ${needed}, ${downloads.bytesSaved} bytes`,
  )
  console.log(`Time of nine requests in ten: ${requests.duration.p90.toFixed(1)} ms at most`)
  for (const { operation, code, status, host, count } of errors) {
    console.log(`Failed ${count} times: ${operation} of ${host}, ${code} ${status ?? ''}`)
  }
}

const server = await startServer()
const url = `http://127.0.0.1:${server.address().port}`
const directory = mkdtempSync(join(tmpdir(), 'metrics-'))
try {
  const options = { retries: 3, retryDelay: 10 }
  for (let index = 0; index < 20; index += 1) await httpRequest(`${url}/${index}`, options)
  await httpRequest(`${url}/missing`, options)
  // Ten programs that need the same file: one download.
  const file = join(directory, 'file')
  const calls = Array.from({ length: 10 }, () => downloadWithLock(`${url}/file`, file, options))
  await Promise.all(calls)
  report(getMetrics(), getErrors())
} finally {
  rmSync(directory, { recursive: true })
  server.closeAllConnections()
  server.close()
}
