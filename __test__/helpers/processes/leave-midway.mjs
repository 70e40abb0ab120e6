// Starts requests and downloads and leaves while they go on, in the way its first argument says.

import { httpDownload, httpRequest } from '@socketsecurity/registry'

const [, , how, url, directory] = process.argv

const leave = {
  exit: () => process.exit(7),
  throw: () => {
    throw new Error('out of here')
  },
}

for (let index = 0; index < 4; index += 1) {
  httpRequest(`${url}/silent`).catch(() => {})
  httpRequest(`${url}/endless`).catch(() => {})
  httpRequest(`${url}/busy`, { retries: 5, retryDelay: 10_000 }).catch(() => {})
  httpDownload(`${url}/endless`, `${directory}/file-${index}`, {
    onProgress: () => {
      if (how === 'exit-in-progress') {
        process.exit(7)
      }
    },
  }).catch(() => {})
}

if (how === 'exit-at-once') {
  process.exit(7)
}
if (leave[how]) {
  setTimeout(leave[how], 250)
}
