// A server whose responses wait until the scene says what they are.

import { once } from 'node:events'
import { createServer } from 'node:http'

export async function serveOnCommand() {
  const arrived = []
  const server = createServer(({ url }, response) => {
    if (url === '/hello') return response.end('hello')
    const request = { response, at: process.hrtime.bigint() }
    const waiting = arrived.shift()
    if (waiting) waiting(request)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${server.address().port}/file`,
    /** Gets its response at once. */
    hello: `http://127.0.0.1:${server.address().port}/hello`,
    /** Resolves with the next request: `{ response, at }`. Ask before the request can arrive. */
    next: () => new Promise((resolve) => arrived.push(resolve)),
    stop: () => server.close().closeAllConnections(),
  }
}
