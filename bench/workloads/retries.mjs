// The cost of `retries: 3` as long as nothing fails.

import { join } from 'node:path'
import { measure } from '../child.mjs'

export default {
  metrics: [
    { key: 'json', label: 'requests, extra time', unit: '%', better: 'lower' },
    { key: 'download', label: 'download, extra time', unit: '%', better: 'lower' },
  ],
  title: () =>
    '`retries: 3` instead of 0 where nothing fails: GET 1 KB of JSON, and download 64 MiB',
  entries: () => [{ id: 'ours', name: '@socketsecurity/registry', kind: 'ours' }],
  measure: (context) => () => {
    const spec = {
      json: context.servers.http + context.json(1000).name,
      file: context.servers.http + context.file(64).name,
      destination: join(context.directory, 'retries.download'),
      slices: context.quick ? 6 : 100,
      downloads: context.quick ? 4 : 20,
    }
    return measure('retries.mjs', spec, context.ca)
  },
}
