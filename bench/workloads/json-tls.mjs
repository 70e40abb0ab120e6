import { requests } from './kinds/requests.mjs'
import { FAST_CLIENTS } from './kinds/selections.mjs'

export default requests({
  title: 'GET 1 KB of JSON over TLS 1.3, 64 at once',
  server: 'tls',
  method: 'json',
  bytes: 1000,
  concurrency: 64,
  quickIds: FAST_CLIENTS,
})
