// Listens and accepts nothing: it tells its port and then stands still, so that connections stay in
// the queue, and when that is full, in the air.

import { writeSync } from 'node:fs'
import { createServer } from 'node:net'

const server = createServer()
server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
  writeSync(1, `${JSON.stringify({ event: 'listening', port: server.address().port })}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})
