// The cost of a limit that is never reached.

import { downloads } from './kinds/downloads.mjs'

export default downloads({
  title: 'Download over HTTP with `maxBytesPerSecond` that is never reached',
  server: 'http',
  method: 'download',
  mebibytes: { full: 1024, quick: 128 },
  ids: ['ours', 'ours-rate'],
})
