import { requests } from './kinds/requests.mjs'
import { CLIENTS, FAST_CLIENTS } from './kinds/selections.mjs'

export default requests({
  title: 'GET 100 KB of JSON, 16 at once',
  server: 'http',
  method: 'json',
  bytes: 100_000,
  concurrency: 16,
  ids: CLIENTS,
  quickIds: FAST_CLIENTS,
})
