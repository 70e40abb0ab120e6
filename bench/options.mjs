// The flags of `npm run bench`.

import { parseArgs } from 'node:util'

const HELP = `npm run bench -- [flags]

  --quick            small files and short slices: within three minutes, to see that all of it works
  --only a,b         only these workloads: {workloads}
  --rounds N         rounds of each workload, at least 5 (the default)
  --seed N           of the order within the rounds (default 1)
  --pin              nginx on the last CPU; by default nothing is pinned
  --dir DIR          where the files are served from and downloaded to (default: node_modules/.cache)
  --out DIR          where the results go (default: results of a whole run, results/trial of any other)
  --help`

/** The flags, checked; prints the help and returns undefined when that is asked for. */
export function readOptions(workloads) {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      seed: { type: 'string', default: '1' },
      pin: { type: 'boolean', default: false },
      dir: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(HELP.replace('{workloads}', workloads.join(', ')))
    return undefined
  }
  const only = values.only?.split(',')
  const unknown = only?.find((name) => !workloads.includes(name))
  if (unknown)
    throw new Error(`No workload is called ${unknown}; there are ${workloads.join(', ')}`)
  return { ...values, only, rounds: atLeast(5, values.rounds), seed: Number(values.seed) }
}

function atLeast(least, text) {
  const number = Number(text)
  if (!Number.isInteger(number) || number < least) {
    throw new Error(
      `--rounds must be a whole number from ${least} on: a median of less says little`,
    )
  }
  return number
}
