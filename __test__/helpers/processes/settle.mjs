// Does what its first argument says, with nothing else to live for, and prints how that ended.
// There is no await at the top: it would hide a process that ends too early.

import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { httpDownload, httpGetText, httpRequest } from '@socketsecurity/registry'

const [, , what, url, destination] = process.argv

async function* endless() {
  for (;;) {
    yield Buffer.alloc(1 << 14)
    await sleep(1)
  }
}

/** Uploads to a server that responds before it has read everything, and closes the connections. */
function uploads(transport) {
  const upload = () =>
    httpRequest(url, { transport, method: 'POST', body: Readable.from(endless()) })
  return Promise.allSettled(Array.from({ length: 30 }, upload))
}

const calls = {
  request: () => httpRequest(url),
  failure: () => httpGetText(url),
  'uploads by node': () => uploads('node'),
  'uploads by native': () => uploads('native'),
  timeout: () => httpRequest(url, { timeout: 300 }),
  retry: () => httpRequest(url, { retries: 2, retryDelay: 300 }),
  download: () => httpDownload(url, destination, { onProgress: () => {} }),
  many: () => Promise.all(Array.from({ length: 50 }, () => httpRequest(url))),
}

calls[what]().then(
  () => console.log('settled: resolved'),
  (error) => console.log(`settled: ${error.message}`),
)
