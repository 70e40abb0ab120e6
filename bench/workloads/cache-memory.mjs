import { caches } from './kinds/caches.mjs'

export default caches({
  title: 'GET 1 KB of JSON that is kept in memory, 16 at once',
  place: 'memory',
  path: 'fresh',
})
