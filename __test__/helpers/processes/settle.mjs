// Does what its first argument says, with nothing else to live for, and prints how that ended.
// There is no await at the top: it would hide a process that ends too early.

import { Readable } from 'node:stream'
import { httpDownload, httpGetText, httpRequest } from '@socketsecurity/registry'

const [, , what, url, destination] = process.argv

function* endless() {
  for (;;) yield Buffer.alloc(1 << 20)
}

/** An upload to a server that responds before it has read everything. */
function upload(transport) {
  return httpRequest(url, { transport, method: 'POST', body: Readable.from(endless()) })
}

const calls = {
  request: () => httpRequest(url),
  failure: () => httpGetText(url),
  'upload by node': () => upload('node'),
  'upload by native': () => upload('native'),
  timeout: () => httpRequest(url, { timeout: 300 }),
  retry: () => httpRequest(url, { retries: 2, retryDelay: 300 }),
  download: () => httpDownload(url, destination, { onProgress: () => {} }),
  many: () => Promise.all(Array.from({ length: 50 }, () => httpRequest(url))),
}

calls[what]().then(
  () => console.log('settled: resolved'),
  (error) => console.log(`settled: ${error.message}`),
)
