// Helpers of the specs of observability: a server whose paths say how it responds, and programs in
// processes of their own.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import '../helpers/origins/no-proxy.mjs'

export const require = createRequire(import.meta.url)

/**
 * `/status/503` responds with that status, `/status/503,200` by turns, `/redirect/2` after two
 * redirects, `/bytes/100` with that many bytes, `/cut/100` with half of them, `/hang` never,
 * everything else with the path. Every path has turns of its own.
 *
 * @param {import('node:test').TestContext} t
 */
export async function startServer(t) {
  const seen = new Map()
  const requests = []
  const server = createServer(async (request, response) => {
    for await (const _ of request);
    const { method, url: path, headers } = request
    requests.push({ method, path, headers })
    const turn = seen.get(path) ?? 0
    seen.set(path, turn + 1)
    const [, kind, argument] = path.split('?')[0].split('/')
    respond(response, kind, argument, turn, path)
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address()
  return { url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, port, requests }
}

function respond(response, kind, argument, turn, path) {
  if (kind === 'hang') return
  if (kind === 'status') {
    const all = argument.split(',')
    response.writeHead(Number(all[Math.min(turn, all.length - 1)]))
    response.end('status')
    return
  }
  if (kind === 'redirect') {
    const left = Number(argument)
    const location = left > 0 ? { location: `/redirect/${left - 1}` } : {}
    response.writeHead(left > 0 ? 302 : 200, { 'content-length': 8, ...location })
    response.end('redirect')
    return
  }
  if (kind === 'bytes' || kind === 'cut') {
    const body = Buffer.alloc(Number(argument), 'x')
    response.writeHead(200, { 'content-length': body.length, etag: '"strong"' })
    if (kind === 'bytes') response.end(body)
    else response.write(body.subarray(0, body.length / 2), () => response.destroy())
    return
  }
  response.end(path)
}

/** Runs a program of its own in this package, and gives what it printed. It must succeed. */
export async function runNode(program, { args = [], env = {} } = {}) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, ...args], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] += text
    })
  }
  const [code, signal] = await once(child, 'close')
  if (code !== 0) throw new Error(`The program ended with ${code ?? signal}: ${output.stderr}`)
  return output
}
