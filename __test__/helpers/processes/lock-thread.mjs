// Downloads with the lock in a worker thread.

import { parentPort, workerData } from 'node:worker_threads'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'

parentPort.postMessage('calling')
const { size } = await downloadWithLock(workerData.url, workerData.destPath, workerData.options)
parentPort.postMessage(size)
