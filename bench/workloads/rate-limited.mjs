// Where another design is better: a server that is slow for each connection. Several connections are
// then several times as fast, and we have one.

import { MEBIBYTES_PER_SECOND } from '../servers/nginx.mjs'
import { downloads } from './kinds/downloads.mjs'

export default downloads({
  title: `Download from a server that gives each connection ${MEBIBYTES_PER_SECOND} MiB/s`,
  server: 'slow',
  method: 'download',
  mebibytes: { full: 64, quick: 8 },
  ids: ['ours', 'curl', 'aria2c', 'ipull'],
})
