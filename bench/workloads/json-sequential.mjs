import { requests } from './kinds/requests.mjs'
import { CLIENTS, FAST_CLIENTS } from './kinds/selections.mjs'

export default requests({
  title: 'GET 1 KB of JSON, one after the other',
  server: 'http',
  method: 'json',
  bytes: 1000,
  concurrency: 1,
  ids: CLIENTS,
  quickIds: FAST_CLIENTS,
})
