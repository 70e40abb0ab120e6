// A network that is far away: what is sent arrives later, and each connection has only so much on
// its way.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/** In one direction, so that a round trip takes twice as long. */
export const DELAY = 25
/** Bytes of a connection that may be on their way to the client. */
export const WINDOW = 512 * 1024

/** Resolves with the URL of a relay to the server at `url`. */
export async function startRelay(url) {
  const { hostname, port } = new URL(url)
  const sockets = new Set()
  const server = createServer({ noDelay: true }, (client) => {
    const origin = connect({ host: hostname, port, noDelay: true })
    for (const socket of [client, origin]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    forward(client, origin, Number.POSITIVE_INFINITY)
    forward(origin, client, WINDOW)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** Bytes count as on their way until word of their arrival could be back. */
function forward(from, to, window) {
  let underWay = 0
  from.on('data', (chunk) => {
    underWay += chunk.length
    if (underWay >= window) from.pause()
    setTimeout(() => to.write(chunk), DELAY)
    setTimeout(() => {
      underWay -= chunk.length
      if (underWay < window) from.resume()
    }, 2 * DELAY)
  })
  from.on('end', () => setTimeout(() => to.end(), DELAY))
  from.on('close', () => setTimeout(() => to.destroy(), 2 * DELAY))
}
