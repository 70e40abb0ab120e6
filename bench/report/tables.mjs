// The results as Markdown.

import { digits, quantity } from './numbers.mjs'

export function document(results) {
  const { date, settings, machine, versions, workloads, goals } = results
  const kind = settings.quick
    ? '**A quick run: its files are small and its warm-up is short, which favours this package.**\n\n'
    : ''
  return `# Results

${kind}${date.slice(0, 10)}, ${settings.rounds} rounds, seed ${settings.seed}. What the numbers do not show:
[README.md](../README.md).

${list(machine)}

${list(versions)}

${goals.length > 0 ? `## Goals\n\n${goalsTable(goals)}\n\n` : ''}${workloads.map(section).join('\n\n')}
`
}

const list = (object) =>
  Object.entries(object)
    .map(([name, value]) => `- ${name}: ${value}`)
    .join('\n')

export function goalsTable(goals) {
  const rows = goals.map((goal) => {
    const { workload, metric, opponent, measured, reached } = goal
    const sign = 'atMost' in goal ? '≤' : '≥'
    const limit = goal.atMost ?? goal.atLeast
    const show = (value) => (goal.against ? digits(value) : quantity(value, metric.unit))
    return [
      workload,
      what(goal, metric, opponent),
      `${sign} ${show(limit)}`,
      show(measured),
      reached ? 'reached' : '**missed**',
    ]
  })
  return table(['workload', 'what', 'goal', 'measured', ''], rows)
}

function what({ against, inverse, of = 'ours' }, { label }, opponent) {
  if (!against) return of === 'ours' ? label : `${label} of ${of}`
  const own = of === 'ours' ? 'this package' : of
  const other = `${opponent ?? against}${against === 'npm' ? ' (the best of npm)' : ''}`
  return inverse ? `${label}: ${other} / ${own}` : `${label}: ${own} / ${other}`
}

function section(workload) {
  const { name, title, x, leftOut = [] } = workload
  const out = leftOut.map(([contender, reason]) => `${contender} (${reason})`).join('; ')
  const body = x ? growthTable(workload) : contendersTable(workload)
  return `## ${name}\n\n${title}.\n\n${body}${out ? `\n\nLeft out: ${out}.` : ''}`
}

/**
 * The first metric with its spread and how many times that of this package it is; of the others the
 * medians.
 */
function contendersTable({ metrics, entries }) {
  const [main, ...others] = metrics
  const ours = entries.find(({ id }) => id === 'ours')?.summary?.[main.key].median
  const rows = sorted(entries, main).map(({ name, summary, failure }) => {
    if (failure) return [name, `failed: ${failure.split('\n')[0]}`]
    const { median, min, max } = summary[main.key]
    return [
      name,
      quantity(median, main.unit),
      `${quantity(min, main.unit)} – ${quantity(max, main.unit)}`,
      digits(median / ours),
      ...others.map(({ key, unit }) => (summary[key] ? quantity(summary[key].median, unit) : '—')),
    ]
  })
  const heads = others.map(({ label }) => label)
  return table(['contender', main.label, 'min – max', 'relative', ...heads], rows)
}

export function sorted(entries, { key, better }) {
  const sign = better === 'lower' ? 1 : -1
  const rank = ({ summary }) => (summary ? sign * summary[key].median : Number.POSITIVE_INFINITY)
  return [...entries].sort((one, other) => rank(one) - rank(other))
}

/** A row for each x. Of several contenders the first metric, of one alone all. */
function growthTable({ metrics, x, entries }) {
  const ids = [...new Set(entries.map(({ id }) => id))]
  const columns =
    ids.length === 1
      ? metrics.map((metric) => ({ id: ids[0], metric, head: metric.label }))
      : ids.map((id) => ({ id, metric: metrics[0], head: nameOf(entries, id) }))
  const rows = [...new Set(entries.map((entry) => entry.x))].map((point) => [
    quantity(point, x.unit),
    ...columns.map(({ id, metric: { key, unit } }) => {
      const entry = entries.find((each) => each.id === id && each.x === point)
      return entry.summary ? quantity(entry.summary[key].median, unit) : 'failed'
    }),
  ])
  return table([x.label, ...columns.map(({ head }) => head)], rows)
}

const nameOf = (entries, id) => entries.find((entry) => entry.id === id).name

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'))
  return [head, rule, ...rows.map((row) => [...row, ...head.slice(row.length).fill('')])]
    .map(line)
    .join('\n')
}
