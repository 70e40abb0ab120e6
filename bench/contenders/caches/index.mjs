// Those that keep answers, and where. Each module exports what it can of memory(), disk(directory): functions that make a
// `get(url)`, which resolves with the parsed body.

const OURS = { id: 'ours', name: '@socketsecurity/registry', kind: 'ours' }
const UNDICI = { id: 'undici', name: 'undici, cache interceptor', kind: 'npm' }
const NPM = { id: 'make-fetch-happen', name: 'make-fetch-happen', kind: 'npm' }

/** What undici keeps on disk needs node:sqlite, which Node 20 does not have. What make-fetch-happen keeps is on disk. */
export const CACHES = {
  memory: [OURS, UNDICI],
  disk: [OURS, NPM],
}
