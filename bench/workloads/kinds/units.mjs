// Metrics and how they are shown. The first metric of a workload is the one that is compared.

export const wall = { key: 'wall', label: 'time', unit: 'ms', better: 'lower' }
export const rate = { key: 'rate', label: 'requests', unit: '/s', better: 'higher' }
export const p50 = { key: 'p50', label: 'p50', unit: 'ms', better: 'lower' }
export const p99 = { key: 'p99', label: 'p99', unit: 'ms', better: 'lower' }
export const cpu = { key: 'cpu', label: 'CPU', unit: 's', better: 'lower' }
export const cpuPerRequest = { key: 'cpu', label: 'CPU per request', unit: 'µs', better: 'lower' }
export const elu = { key: 'elu', label: 'event loop busy', unit: '%', better: 'lower' }
export const memory = { key: 'memory', label: 'peak memory', unit: 'MB', better: 'lower' }

/** From the unit of the samples to the one that is shown. */
const SCALES = { MB: 1e-6, '%': 100 }

export const shown = (value, unit) => value * (SCALES[unit] ?? 1)

/** Rounds of the curves, which have many points: their course says more than any one of them. */
export const fewer = (rounds) => Math.ceil(rounds / 2)
