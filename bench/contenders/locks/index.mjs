// How processes that want one file get it. Each module exports fetchOnce(url, file).

export const LOCKS = [
  { id: 'ours', name: '@socketsecurity/registry', kind: 'ours' },
  { id: 'proper-lockfile', name: 'proper-lockfile and node:http', kind: 'npm' },
  { id: 'none', name: 'node:http, no lock', kind: 'node' },
]
