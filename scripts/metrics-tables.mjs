// The tables of what is counted, from the one list of names in src/metrics/table.rs. Reads and
// writes nothing.

const MARKED = /^<!-- metrics: (\w+) -->\n.*?^<!-- end -->$/gms

/** The document with each table between its marks as the list has it now. */
export function withMetrics(document, list) {
  return document.replace(MARKED, (_, group) => {
    const rows = list.filter(({ path }) => path.split('.')[0] === group)
    if (rows.length === 0)
      throw new Error(`Nothing is counted of ${group}, which a table is to show`)
    return `<!-- metrics: ${group} -->\n\n${tableOf(rows)}\n\n<!-- end -->`
  })
}

/** The paths that the tables of a document have. */
export function metricsIn(document) {
  const tables = [...document.matchAll(MARKED)].map(([table]) => table)
  return tables.flatMap((table) =>
    [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, path]) => path),
  )
}

function tableOf(rows) {
  const lines = rows.map(({ path, family, label, unit, help }) => {
    const series =
      label === '' ? family : `${family}{${label.includes('=') ? label : `${label}="…"`}}`
    return `| \`${path}\` | \`${series}\` | ${unit} | ${help} |`
  })
  return ['| name | Prometheus | unit | counts |', '| --- | --- | --- | --- |', ...lines].join('\n')
}
