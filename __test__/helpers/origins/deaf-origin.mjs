// Servers that nobody can connect to: one that accepts no connection, one that ignores the TLS
// handshake.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { startJob } from '../processes/job-process.mjs'
import { startRawOrigin } from './raw-origin.mjs'

/** The URL of a server whose queue of connections is full, so that no other gets through. */
export async function startFullServer(t) {
  const { port } = await startJob(t, 'deaf-server', {}).event('listening')
  for (let count = 0; count < 20; count += 1) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    t.after(() => socket.destroy())
    await Promise.race([once(socket, 'connect'), sleep(200)])
    // A busy process may learn of the time before it learns of the connection.
    await nextTurn()
    if (socket.connecting) return `http://127.0.0.1:${port}`
  }
  assert.fail('the server takes every connection')
}

/** A server that takes connections and says nothing; its URL asks for TLS. */
export async function startSilentSecureServer(t) {
  const origin = await startRawOrigin(t, () => {})
  return Object.assign(origin, { url: origin.url.replace('http:', 'https:') })
}
