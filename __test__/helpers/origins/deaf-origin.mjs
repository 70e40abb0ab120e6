// Servers to which no connection comes about: one that accepts none, one that never answers the
// TLS handshake.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { startJob } from '../processes/job-process.mjs'
import { startRawOrigin } from './raw-origin.mjs'

/** The URL of a server whose queue of connections is full, so that no other gets through. */
export async function startFullServer(t) {
  const { port } = await startJob(t, 'deaf-server', {}).event('listening')
  for (let count = 0; count < 20; count += 1) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    t.after(() => socket.destroy())
    const connected = new Promise((resolve) => socket.on('connect', () => resolve(true)))
    if (!(await Promise.race([connected, sleep(200, false)]))) return `http://127.0.0.1:${port}`
  }
  assert.fail('the server takes every connection')
}

/** A server that takes connections and says nothing; its URL asks for TLS. */
export async function startSilentSecureServer(t) {
  const origin = await startRawOrigin(t, () => {})
  return Object.assign(origin, { url: origin.url.replace('http:', 'https:') })
}
