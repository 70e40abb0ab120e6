// Makes one request in a worker thread, with the environment of that thread, and reports the
// status.

import { parentPort, workerData } from 'node:worker_threads'
import { httpRequest } from '@socketsecurity/registry'

const { status } = await httpRequest(workerData)
parentPort.postMessage(status)
