'use strict'

// A whole program: loads a client, gets one JSON document over TLS, and ends by itself. CommonJS,
// so that nothing but Node itself is loaded before.

const { writeSync } = require('node:fs')

const { id, url, ca } = JSON.parse(process.argv[2])

/**
 * Each takes the certificate as its documentation says; fetch takes it from NODE_EXTRA_CA_CERTS
 * only.
 */
const clients = {
  none: () => undefined,
  ours: () => require('../../lib/http-request.js').httpGetJson(url, { ca }),
  fetch: async () => (await fetch(url)).json(),
  'node-http': () =>
    new Promise((resolve, reject) => {
      const { get } = require('node:https')
      const received = (response) => {
        const chunks = []
        response
          .on('data', (chunk) => chunks.push(chunk))
          .on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())))
          .on('error', reject)
      }
      get(url, { ca }, received).on('error', reject)
    }),
  undici: async () => {
    const { Agent, request } = require('undici')
    const dispatcher = new Agent({ connect: { ca } })
    return (await request(url, { dispatcher })).body.json()
  },
  got: async () => {
    const { got } = await import('got')
    return got(url, { https: { certificateAuthority: ca } }).json()
  },
}

async function main() {
  const json = await clients[id]()
  process.on('exit', () => {
    const { user, system } = process.cpuUsage()
    writeSync(1, JSON.stringify({ json, cpu: (user + system) / 1e3 }))
  })
}
main()
