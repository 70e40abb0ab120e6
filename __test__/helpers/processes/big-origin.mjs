// A server, in a process of its own, of files as long as their name says: `/1000` has 1000 bytes.
// Tells its parent the port and lives as long as the parent does.

import { createServer } from 'node:http'

const piece = Buffer.alloc(1 << 16, 'socket registry ')

const server = createServer((request, response) => {
  let left = Number(request.url.slice(1))
  response.writeHead(200, { 'Content-Length': left })
  const more = () => {
    while (left > 0) {
      const size = Math.min(left, piece.length)
      left -= size
      if (!response.write(piece.subarray(0, size))) {
        return response.once('drain', more)
      }
    }
    response.end()
  }
  more()
})

server.listen(0, '127.0.0.1', () => process.send(server.address().port))
process.on('disconnect', () => process.exit())
