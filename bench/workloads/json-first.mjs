import { requests } from './kinds/requests.mjs'
import { FAST_CLIENTS } from './kinds/selections.mjs'

/**
 * The case of a program that makes some requests and ends. Its JavaScript has hardly been compiled
 * by then.
 */
export default requests({
  title: 'The first 1,000 GETs of a process, 1 KB of JSON, 64 at once',
  server: 'http',
  method: 'json',
  bytes: 1000,
  concurrency: 64,
  count: 1000,
  quickIds: FAST_CLIENTS,
})
