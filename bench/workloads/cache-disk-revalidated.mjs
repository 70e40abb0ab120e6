import { caches } from './kinds/caches.mjs'

export default caches({
  title: 'GET 1 KB of JSON that is kept on disk, but to be asked about, 16 at once',
  place: 'disk',
  path: 'asked',
})
