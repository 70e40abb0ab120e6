// Starts Workers that do everything at once, and ends each in the midst of it. Prints what is left.

import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { httpDownload, httpRequest } from '@socketsecurity/registry'
import { randomFrom } from '../seeded-random.mjs'

if (isMainThread) {
  await terminateMany(Number(process.argv[2]), process.argv[3])
} else {
  begin(workerData)
  parentPort.postMessage('begun')
}

async function terminateMany(cycles, directory) {
  const random = randomFrom(20)
  const server = createServer(respond).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${server.address().port}`
  let before
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    if (cycle === Math.floor(cycles / 4)) before = process.memoryUsage().rss
    const worker = new Worker(new URL(import.meta.url), { workerData: { url, directory } })
    await once(worker, 'message')
    await new Promise((resolve) => setTimeout(resolve, random() * 20))
    await worker.terminate()
  }
  const grown = process.memoryUsage().rss - before
  const deadline = performance.now() + 15_000
  const connections = () => new Promise((resolve) => server.getConnections((_, n) => resolve(n)))
  const left = () => (existsSync(directory) ? readdirSync(directory) : [])
  // Everything of the Workers has ended, though nobody waited for it.
  while (((await connections()) > 0 || left().length > 0) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  process.stdout.write(JSON.stringify({ grown, connections: await connections(), left: left() }))
  server.closeAllConnections()
  server.close()
}

function respond(request, response) {
  if (request.url === '/503') return response.writeHead(503).end()
  if (request.url === '/stall') return response.write('x')
  const piece = Buffer.alloc(65_536)
  const more = () => {
    while (!response.destroyed && response.write(piece));
  }
  response.on('drain', more).on('error', () => {})
  more()
}

function begin({ url, directory }) {
  const ignore = () => {}
  const drain = ({ rawResponse }) => rawResponse.on('error', ignore).resume()
  httpRequest(`${url}/endless`, { stream: true }).then(drain, ignore)
  httpRequest(`${url}/stall`).catch(ignore)
  const hooks = { onRequest: ignore, onResponse: ignore }
  const retrying = { retries: 1000, retryDelay: 1, onRetry: ignore, hooks }
  httpRequest(`${url}/503`, retrying).catch(ignore)
  httpDownload(`${url}/endless`, join(directory, 'file'), { onProgress: ignore }).catch(ignore)
  const slow = new Readable({ read: () => setTimeout(() => slow.push('x'), 1) })
  httpRequest(`${url}/stall`, { method: 'POST', body: slow }).catch(ignore)
}
