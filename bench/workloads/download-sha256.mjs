import { downloads } from './kinds/downloads.mjs'
import { VERIFIERS } from './kinds/selections.mjs'

export default downloads({
  title: 'Download over HTTP and verify SHA-256',
  server: 'http',
  method: 'verified',
  mebibytes: { full: 1024, quick: 64 },
  quickIds: VERIFIERS,
})
