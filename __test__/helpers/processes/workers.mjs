// Starts worker threads that load the package and use it, and ends them in the middle.

import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { httpGetText, httpRequest } from '@socketsecurity/registry'

if (isMainThread) {
  const [, , url, rounds] = process.argv
  for (let round = 0; round < Number(rounds); round += 1) {
    const worker = new Worker(new URL(import.meta.url), { workerData: url })
    await once(worker, 'message')
    await worker.terminate()
  }
  await httpGetText(`${url}/`)
  console.log('settled')
} else {
  httpRequest(`${workerData}/silent`).catch(() => {})
  httpGetText(`${workerData}/`).then((text) => parentPort.postMessage(text))
}
