// A server that is slow for each connection: several connections are several times as fast.

import { MEBIBYTES_PER_SECOND } from '../servers/nginx.mjs'
import { downloads } from './kinds/downloads.mjs'

export default downloads({
  title: `Download from a server that gives each connection ${MEBIBYTES_PER_SECOND} MiB/s; 8 connections where they can be set`,
  server: 'slow',
  method: 'download',
  mebibytes: { full: 256, quick: 32 },
  ids: ['ours', 'ours-connections', 'curl', 'aria2c', 'aria2c-connections', 'ipull'],
})
