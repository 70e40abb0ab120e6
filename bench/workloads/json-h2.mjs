import { requests } from './kinds/requests.mjs'

export default requests({
  title: 'GET 1 KB of JSON over HTTP/2 and TLS 1.3, 64 at once',
  server: 'h2',
  method: 'jsonOverH2',
  bytes: 1000,
  concurrency: 64,
  quickIds: ['ours', 'undici', 'impit'],
})
