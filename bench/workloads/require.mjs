import { measure } from '../child.mjs'

const ROUNDS = 15

export default {
  metrics: [{ key: 'load', label: 'time', unit: 'ms', better: 'lower' }],
  title: () => 'Load the package in a fresh process',
  rounds: (rounds) => Math.max(ROUNDS, rounds),
  entries: () => [
    { id: 'ours', name: '@socketsecurity/registry', kind: 'ours', load: '../../lib/http-request' },
    { id: 'undici', name: 'undici', kind: 'npm', load: 'undici' },
    { id: 'got', name: 'got', kind: 'npm', load: 'got', byImport: true },
    { id: 'axios', name: 'axios', kind: 'npm', load: 'axios' },
    { id: 'impit', name: 'impit', kind: 'npm', load: 'impit' },
  ],
  measure: () => (entry) => measure('require.cjs', entry),
}
