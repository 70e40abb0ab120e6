// A file in so many milliseconds, and how often it was asked for.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const SLICES = 20

export async function serveSlowly(bytes, duration) {
  let requests = 0
  const slice = bytes.length / SLICES
  const server = createServer(async (_request, response) => {
    requests++
    response.writeHead(200, { 'Content-Length': bytes.length })
    for (let from = 0; from < bytes.length; from += slice) {
      response.write(bytes.subarray(from, from + slice))
      await sleep(duration / SLICES)
    }
    response.end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${server.address().port}/file`,
    requests: () => requests,
    stop: () => server.close().closeAllConnections(),
  }
}
