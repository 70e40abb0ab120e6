import { downloads } from './kinds/downloads.mjs'

export default downloads({
  title: 'Download over HTTP',
  server: 'http',
  method: 'download',
  mebibytes: { full: 1024, quick: 128 },
})
