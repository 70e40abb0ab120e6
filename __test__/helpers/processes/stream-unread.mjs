// Asks for a stream and never reads it: what becomes of the process is up to the stream. With
// `exit` it leaves as soon as it has the stream.

import { httpRequest } from '@socketsecurity/registry'

const [, , how, url] = process.argv

httpRequest(url, { stream: true, timeout: 2000 }).then(
  ({ status }) => {
    console.log(`settled: ${status}`)
    if (how === 'exit') process.exit(7)
  },
  (error) => console.log(`settled: ${error.message}`),
)
