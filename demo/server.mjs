// Offers a real program, the running Node.js, in about four seconds. Asked through IPC, it tells
// what it was asked through HTTP. Its argument, in JSON: whether the first request gets a 503
// (`isBusy`), and the share of the program behind which nothing is sent any more (`silentFrom`).

import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const PROGRAM = process.execPath
const DURATION = 4000
const SLICES = 80
const { isBusy = false, silentFrom = 1 } = JSON.parse(process.argv[2] ?? '{}')

const { size, mtimeMs } = statSync(PROGRAM)
const etag = `"${size}-${mtimeMs}"`
const requests = []

const server = createServer(async ({ method, headers }, response) => {
  const request = { method, status: 0, from: 0, sent: 0, whole: false }
  requests.push(request)
  response.on('finish', () => {
    request.whole = true
  })

  if (isBusy && requests.length === 1) {
    request.status = 503
    response.writeHead(503).end('Busy, try again')
    return
  }
  const from = startOf(headers)
  request.status = from > 0 ? 206 : 200
  request.from = from
  response.writeHead(request.status, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': size - from,
    'Accept-Ranges': 'bytes',
    ETag: etag,
    ...(from > 0 && { 'Content-Range': `bytes ${from}-${size - 1}/${size}` }),
  })
  const slices = createReadStream(PROGRAM, {
    start: from,
    highWaterMark: Math.ceil(size / SLICES),
  })
  for await (const slice of slices) {
    if (response.destroyed) return
    // The connection stays open, as that of a server that hangs.
    if (from + request.sent >= silentFrom * size) return
    response.write(slice)
    request.sent += slice.length
    await sleep(DURATION / SLICES)
  }
  response.end()
})

/** Where to begin: at the byte asked for, if the client's part is of this very file. */
function startOf({ range, 'if-range': validator }) {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
  return from < size && (validator ?? etag) === etag ? from : 0
}

server.listen(0, '127.0.0.1', () => {
  process.send({ url: `http://127.0.0.1:${server.address().port}/program`, size })
})
process.on('message', () => process.send(requests))
process.on('disconnect', () => process.exit())
