// One Worker downloads under a lock, another one shares the download, and the first is ended while
// its JavaScript thread is blocked: what it still had to do is lost. Prints how the second fared.
//
//   node shared-by-workers.mjs <how the first takes part> <directory>

import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { downloadWithLock } from '@socketsecurity/registry'

const ignore = () => {}

if (isMainThread) {
  await share(...process.argv.slice(2))
} else {
  takePart(workerData)
}

async function share(how, directory) {
  let requests = 0
  const server = createServer((_, response) => {
    requests += 1
    // The first is answered when the first Worker is blocked.
    if (requests === 1) setTimeout(() => response.writeHead(503).end(), 200)
    else response.end('abc')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${server.address().port}`
  const data = { url, directory }
  const first = new Worker(new URL(import.meta.url), { workerData: { ...data, how, blocks: true } })
  await once(first, 'message')
  const second = new Worker(new URL(import.meta.url), { workerData: data })
  const done = new Promise((resolve) => {
    second.on('message', (message) => message !== 'begun' && resolve(message))
  })
  await once(second, 'message')
  await new Promise((resolve) => setTimeout(resolve, 500))
  await first.terminate()
  process.stdout.write(await done)
  server.close()
  server.closeAllConnections()
}

function takePart({ url, directory, how, blocks }) {
  const options = { retries: 9, retryDelay: 100 }
  if (how === 'a subscriber') subscribe('undici:request:create', ignore)
  if (how === 'node:http') options.transport = 'node'
  if (how === 'onRetry') options.onRetry = ignore
  if (how === 'hooks') options.hooks = { onRequest: ignore, onResponse: ignore }
  downloadWithLock(url, join(directory, 'file'), options).then(
    ({ size }) => parentPort.postMessage(`${size} bytes`),
    (error) => parentPort.postMessage(`${error.message}`),
  )
  parentPort.postMessage('begun')
  if (blocks) setTimeout(block, 100)
}

/** Until the Worker is terminated. */
function block() {
  for (;;);
}
