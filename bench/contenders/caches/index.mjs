// Contenders that keep responses, and where. Each module exports what it can of memory() and
// disk(directory): functions that make a `get(url)`, which resolves with the parsed body.

const OURS = { id: 'ours', name: '@socketsecurity/registry', kind: 'ours' }
const UNDICI = { id: 'undici', name: 'undici, cache interceptor', kind: 'npm' }
const NPM = { id: 'make-fetch-happen', name: 'make-fetch-happen', kind: 'npm' }

/**
 * undici keeps responses on disk by node:sqlite, which Node 20 does not have. make-fetch-happen
 * keeps them on disk only.
 */
export const CACHES = {
  memory: [OURS, UNDICI],
  disk: [OURS, NPM],
}
