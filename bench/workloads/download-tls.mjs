import { downloads } from './kinds/downloads.mjs'
import { DOWNLOADERS } from './kinds/selections.mjs'

export default downloads({
  title: 'Download over TLS 1.3',
  server: 'tls',
  method: 'download',
  mebibytes: { full: 1024, quick: 64 },
  quickIds: DOWNLOADERS,
})
