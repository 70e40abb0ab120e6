// The cost of eight connections where one is fast enough.

import { downloads } from './kinds/downloads.mjs'

export default downloads({
  title: 'Download over HTTP with 8 connections that nobody needs',
  server: 'http',
  method: 'download',
  mebibytes: { full: 1024, quick: 128 },
  ids: ['ours', 'ours-connections', 'aria2c', 'aria2c-connections'],
})
