// Does what its first argument says, with nothing else to live for, and prints how that ended.
// There is no await at the top: it would hide a process that ends too early.

import { httpDownload, httpGetText, httpRequest } from '@socketsecurity/registry'

const [, , what, url, destination] = process.argv

const calls = {
  request: () => httpRequest(url),
  failure: () => httpGetText(url),
  timeout: () => httpRequest(url, { timeout: 300 }),
  retry: () => httpRequest(url, { retries: 2, retryDelay: 300 }),
  download: () => httpDownload(url, destination, { onProgress: () => {} }),
  many: () => Promise.all(Array.from({ length: 50 }, () => httpRequest(url))),
}

calls[what]().then(
  () => console.log('settled: resolved'),
  (error) => console.log(`settled: ${error.message}`),
)
