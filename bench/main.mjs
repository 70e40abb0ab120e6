import { join } from 'node:path'
import { judge } from './goals.mjs'
import { machine, versions } from './machine.mjs'
import { BENCH, ROOT } from './prepare.mjs'
import { quoteInto } from './report/quote.mjs'
import { goalsTable } from './report/tables.mjs'
import { write } from './report/write.mjs'
import { alternate } from './rounds.mjs'
import { setUp } from './setup.mjs'
import { LONG, NAMES } from './workloads/names.mjs'

export async function main(options) {
  const started = performance.now()
  const names = options.only ?? NAMES.filter((name) => !options.quick || !LONG.includes(name))
  const context = await setUp(options)
  const workloads = []
  for (const name of names) workloads.push(await runWorkload(name, options, context))
  context.servers.stop()

  const { quick, rounds, seed, pin } = options
  const results = {
    date: new Date().toISOString(),
    settings: { quick, rounds, seed, pin },
    machine: machine(context.directory),
    versions: versions(),
    workloads,
    goals: judge(workloads),
  }
  // Only a whole run may replace the results that are committed.
  const whole = !options.only && !quick
  const out = options.out ?? join(BENCH, whole ? 'results' : 'results/trial')
  write(results, out)
  if (whole && !options.out) quoteInto(join(ROOT, 'docs/performance.md'), goalsTable(results.goals))
  if (results.goals.length > 0) console.log(`\n${goalsTable(results.goals)}`)
  if (quick) console.log('\nA quick run warms up too shortly, which favours us: do not quote it.')
  const minutes = (performance.now() - started) / 60_000
  console.log(`\n${minutes.toFixed(1)} minutes; tables, charts and raw numbers are in ${out}`)
}

async function runWorkload(name, options, context) {
  const { default: workload } = await import(`./workloads/${name}.mjs`)
  process.stdout.write(`${name} `)
  const rounds = workload.rounds?.(options.rounds) ?? options.rounds
  const plan = { rounds, seed: options.seed }
  const entries = await alternate(workload.entries(context), plan, workload.measure(context))
  for (const { name, failure } of entries) if (failure) console.error(`${name} failed: ${failure}`)
  return {
    name,
    title: workload.title(context),
    metrics: workload.metrics,
    x: workload.x,
    leftOut: workload.leftOut?.(context),
    entries,
  }
}
