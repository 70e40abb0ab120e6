// Uses the package in Workers alone: the thread that loads the addon first ends, and others come
// after it.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, Worker, workerData } from 'node:worker_threads'

if (isMainThread) {
  const server = createServer((_, response) => response.end('{"here":true}')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${server.address().port}`
  const run = async (name) => {
    const file = join(process.argv[2], name)
    const [code] = await once(
      new Worker(new URL(import.meta.url), { workerData: { url, file } }),
      'exit',
    )
    if (code !== 0) throw new Error(`a Worker ended with ${code}`)
  }
  for (let round = 0; round < 3; round += 1) {
    await run(`alone-${round}`)
    await Promise.all([1, 2, 3, 4].map((index) => run(`one-of-many-${round}-${index}`)))
    // Threads for files end after two idle seconds. New ones may get the memory of old ones.
    await sleep(2500)
  }
  server.closeAllConnections()
  server.close()
} else {
  const { httpDownload, httpGetJson } = await import('@socketsecurity/registry')
  const { url, file } = workerData
  for (let call = 0; call < 20; call += 1) await httpGetJson(url)
  await httpDownload(url, file)
}
