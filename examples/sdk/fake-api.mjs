// An API on the loopback for the examples: slow to wake up, and sometimes gone.

import { once } from 'node:events'
import { createServer } from 'node:http'

/** The size of the file at `/runtime`. */
const RUNTIME_SIZE = 4 << 20

export async function startFakeApi() {
  const api = { url: '', requests: /** @type {string[]} */ ([]), failures: 0, close }
  const server = createServer((request, response) => {
    api.requests.push(`${request.method} ${request.url}`)
    request.resume()
    if (api.failures > 0) {
      api.failures -= 1
      response.writeHead(503, { 'Retry-After': '0' }).end()
    } else if (request.url?.startsWith('/v0/packages/unknown/')) {
      response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"error":"unknown"}')
    } else if (request.url === '/v0/runtime') {
      response.writeHead(200, { 'Content-Length': RUNTIME_SIZE }).end(Buffer.alloc(RUNTIME_SIZE))
    } else if (request.headers['if-none-match'] === '"1"') {
      response.writeHead(304, { ETag: '"1"' }).end()
    } else if (request.method === 'DELETE') {
      response.writeHead(204).end()
    } else {
      response.writeHead(200, { 'Content-Type': 'application/json', ETag: '"1"' })
      response.end(JSON.stringify({ path: request.url }))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  api.url = `http://127.0.0.1:${port}/v0`

  async function close() {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return api
}
