import { requests } from './kinds/requests.mjs'
import { CLIENTS } from './kinds/selections.mjs'

export default requests({
  title: 'GET 1 KB of JSON, 64 at once',
  server: 'http',
  method: 'json',
  bytes: 1000,
  concurrency: 64,
  quickIds: [...CLIENTS, 'impit'],
})
