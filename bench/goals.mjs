// Goals of the library. A missed goal is shown as missed, and no run fails for it.
//
// With `against`, the number is the library's median divided by that of the contender with this id.
// The id 'npm' stands for the best package of npm in this workload. With `inverse`, the number is
// the contender's median divided by the library's. Without `against`, it is the library's median
// itself. `of` names another way to use the library.

const NODE_HTTP = 'node-http'

/** In all three workloads that download. */
const eventLoop = (workload) => [
  { workload, metric: 'elu', atMost: 0.03 },
  { workload, metric: 'elu', against: NODE_HTTP, atMost: 0.1 },
]

export const GOALS = [
  { workload: 'download', metric: 'wall', against: 'curl', atMost: 0.75 },
  { workload: 'download', metric: 'wall', against: NODE_HTTP, atMost: 0.37 },
  { workload: 'download', metric: 'wall', against: 'npm', atMost: 0.5 },
  { workload: 'download', metric: 'cpu', against: NODE_HTTP, atMost: 0.3 },
  ...eventLoop('download'),
  { workload: 'download-tls', metric: 'wall', against: 'curl', atMost: 0.8 },
  { workload: 'download-tls', metric: 'wall', against: 'fetch', atMost: 0.3 },
  { workload: 'download-tls', metric: 'wall', against: NODE_HTTP, atMost: 0.16 },
  ...eventLoop('download-tls'),
  { workload: 'download-sha256', metric: 'wall', against: 'cli-flow', atMost: 0.33 },
  { workload: 'download-sha256', metric: 'wall', against: 'npm', atMost: 0.48 },
  { workload: 'download-sha256', metric: 'memory', atMost: 64e6 },
  ...eventLoop('download-sha256'),
  { workload: 'json', metric: 'rate', against: 'undici', atLeast: 1.9 },
  { workload: 'json', metric: 'rate', against: NODE_HTTP, atLeast: 2.5 },
  { workload: 'json', metric: 'rate', against: 'fetch', atLeast: 7 },
  { workload: 'json-tls', metric: 'rate', against: 'undici', atLeast: 2.1 },
  { workload: 'json-h2', metric: 'rate', against: 'npm', atLeast: 3.5 },
  { workload: 'json-sequential', metric: 'rate', against: 'undici', atLeast: 1.15 },
  { workload: 'json-sequential', metric: 'p99', against: 'undici', atMost: 0.5 },
  { workload: 'json-100k', metric: 'rate', against: 'undici', atLeast: 1 },
  { workload: 'cache-memory', metric: 'rate', against: 'undici', atLeast: 3 },
  { workload: 'cache-memory', metric: 'many', against: 'undici', atLeast: 3 },
  { workload: 'cache-disk', metric: 'rate', against: 'make-fetch-happen', atLeast: 3 },
  { workload: 'cache-disk', metric: 'many', against: 'make-fetch-happen', atLeast: 3 },
  { workload: 'retries', metric: 'json', atMost: 0.01 },
  { workload: 'retries', metric: 'download', atMost: 0.01 },
  { workload: 'cold-start', metric: 'requests', atMost: 1 },
  { workload: 'lock-handoff', metric: 'handoff', atMost: 2 },
  {
    workload: 'lock-handoff',
    metric: 'handoff',
    against: 'proper-lockfile',
    inverse: true,
    atLeast: 200,
  },
  { workload: 'require', metric: 'load', atMost: 6 },
  { workload: 'require', metric: 'load', against: 'undici', atMost: 0.06 },
  { workload: 'first-request', metric: 'wall', against: NODE_HTTP, atMost: 0.9 },
  { workload: 'first-request', metric: 'wall', against: 'fetch', atMost: 1 },
  { workload: 'first-request', metric: 'wall', against: 'npm', atMost: 1 },
  { workload: 'size', metric: 'size', atMost: 7e6 },
  {
    workload: 'rate-limited',
    of: 'ours-connections',
    metric: 'wall',
    against: 'ours',
    atMost: 0.25,
  },
  { workload: 'rate-limited', of: 'ours-connections', metric: 'wall', against: 'npm', atMost: 1 },
  {
    workload: 'rate-limited',
    of: 'ours-connections',
    metric: 'wall',
    against: 'aria2c-connections',
    atMost: 1,
  },
  {
    workload: 'long-fat-network',
    of: 'ours-connections',
    metric: 'wall',
    against: 'ours',
    atMost: 0.25,
  },
  { workload: 'connections', of: 'ours-connections', metric: 'wall', against: 'ours', atMost: 1.1 },
  { workload: 'connections', of: 'ours-connections', metric: 'memory', atMost: 80e6 },
  { workload: 'rate-limit', of: 'ours-rate', metric: 'cpu', against: 'ours', atMost: 1.05 },
]

/**
 * Each goal of a workload that was run, with `metric` and `opponent` in full, `measured` and
 * `reached`.
 */
export function judge(workloads) {
  return GOALS.flatMap((goal) => {
    const workload = workloads.find(({ name }) => name === goal.workload)
    return workload ? [judgeOne(goal, workload)] : []
  })
}

function judgeOne(goal, { metrics, entries }) {
  const metric = metrics.find(({ key }) => key === goal.metric)
  const value = (entry) => entry?.summary?.[goal.metric]?.median
  const ours = value(entries.find(({ id }) => id === (goal.of ?? 'ours')))
  const opponent = findOpponent(goal, metric, entries, value)
  const ratio = goal.inverse ? value(opponent) / ours : ours / value(opponent)
  const measured = goal.against ? ratio : ours
  const reached = 'atMost' in goal ? measured <= goal.atMost : measured >= goal.atLeast
  return { ...goal, metric, opponent: opponent?.name, measured, reached }
}

function findOpponent({ against }, { better }, entries, value) {
  if (against !== 'npm') return entries.find(({ id }) => id === against)
  const packages = entries.filter((entry) => entry.kind === 'npm' && entry.summary)
  const sign = better === 'lower' ? 1 : -1
  return packages.sort((one, other) => sign * (value(one) - value(other)))[0]
}
