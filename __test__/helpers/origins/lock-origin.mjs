// A server for the lock specs. Its responses can be held midway, so that a test decides how long
// a download takes instead of guessing, and it keeps a record of everything it was asked.

import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const SLICES = 20

/**
 * @param {object} [options]
 * @param {number} [options.size] length of the body
 * @param {number} [options.status] anything but 200 comes without the body
 * @param {number} [options.gated] how many requests, from the first, stop halfway until opened
 * @param {number} [options.duration] milliseconds over which a whole body is spread
 * @param {boolean} [options.ranges] offer a strong ETag and honour Range + If-Range
 */
export async function startOrigin({
  size = 256 * 1024,
  status = 200,
  gated = 0,
  duration = 0,
  ranges = false,
} = {}) {
  const body = randomBytes(size)
  const sha256 = createHash('sha256').update(body).digest('hex')
  const etag = `"${sha256.slice(0, 16)}"`
  const requests = []
  let active = 0

  const origin = { body, sha256, requests, url: '', mostActive: 0, openAll, close }

  const server = createServer((incoming, response) => {
    const { method, headers } = incoming
    const gate = deferred()
    const isGated = requests.length < gated
    requests.push({ method, range: headers.range, open: gate.open })
    active += 1
    origin.mostActive = Math.max(origin.mostActive, active)
    response.on('close', () => {
      active -= 1
      gate.open()
    })
    respond(headers, response, isGated ? gate.opened : undefined).catch((error) =>
      response.destroy(error),
    )
  })

  async function respond(headers, response, gate) {
    if (status !== 200) {
      await gate
      response.writeHead(status, { 'Content-Type': 'text/plain' }).end('no such file')
      return
    }
    const from = startOf(headers)
    response.writeHead(from > 0 ? 206 : 200, {
      'Content-Type': 'application/octet-stream',
      'Content-Length': size - from,
      ...(ranges && { 'Accept-Ranges': 'bytes', ETag: etag }),
      ...(from > 0 && { 'Content-Range': `bytes ${from}-${size - 1}/${size}` }),
    })
    const middle = from + Math.floor((size - from) / 2)
    await send(response, from, middle)
    await gate
    await send(response, middle, size)
    response.end()
  }

  function startOf(headers) {
    const match = /^bytes=(\d+)-$/.exec(headers.range ?? '')
    const usable = ranges && match && (headers['if-range'] ?? etag) === etag
    return usable && Number(match[1]) < size ? Number(match[1]) : 0
  }

  async function send(response, from, to) {
    if (duration === 0) {
      response.write(body.subarray(from, to))
      return
    }
    const slice = Math.ceil(size / SLICES)
    for (let at = from; at < to && !response.destroyed; at += slice) {
      response.write(body.subarray(at, Math.min(at + slice, to)))
      await sleep(duration / SLICES)
    }
  }

  function openAll() {
    for (const request of requests) request.open()
  }

  async function close() {
    openAll()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin.url = `http://127.0.0.1:${server.address().port}/tool.bin`
  return origin
}

function deferred() {
  let open
  const opened = new Promise((resolve) => {
    open = resolve
  })
  return { open, opened }
}
