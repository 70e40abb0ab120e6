// node scripts/specs.mjs                  runs all specs of __test__/
// node scripts/specs.mjs locks http2      runs those whose path contains one of these words
// node scripts/specs.mjs --together       runs those that may run beside others
// node scripts/specs.mjs --alone          runs those beside which nothing else may run
// node scripts/specs.mjs --by-node-http   runs the contract of all transports by node:http
// node scripts/specs.mjs --at-once 8      runs so many at once; by default two for each core
//
// Several run at once, because most of them wait: for servers, for other processes, for a timeout.

import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const TESTS = fileURLToPath(new URL('../__test__', import.meta.url))
const { positionals: words, values: options } = parseArgs({
  allowPositionals: true,
  options: {
    'at-once': { type: 'string', default: `${Math.min(8, 2 * availableParallelism())}` },
    'by-node-http': { type: 'boolean', default: false },
    together: { type: 'boolean', default: false },
    alone: { type: 'boolean', default: false },
  },
})

/**
 * The longest, by duration. They start first, so that none is left to run when all others are done.
 */
const LONGEST = [
  'downloads/many-machines',
  'requests/late-reader',
  'requests/json-and-text',
  'package/types',
  'locks/lock-processes',
  'security/shared-directory',
  'package/consumers',
  'security/cache',
  'package/workers',
  'locks/lock-storm',
  'locks/waiting',
  'locks/older-programs',
  'security/long-strings',
]
/** These measure by how much one thing delays another, so nothing else may run beside them. */
const ALONE = ['security/decoding', 'package/process']

/** The specs of the contract of all transports. With LONG_TESTS=1 all of these folders. */
const CONTRACT = process.env.LONG_TESTS
  ? ['cache/', 'downloads/', 'locks/', 'requests/']
  : [
      'cache/http-cache',
      'downloads/download',
      'downloads/integrity',
      'downloads/resume',
      'locks/lock',
      'requests/abort',
      'requests/arguments',
      'requests/errors',
      'requests/hooks',
      'requests/redirect',
      'requests/request',
      'requests/request-body',
      'requests/response',
      'requests/retry',
      'requests/stream',
    ]

const nameOf = (file) => file.slice(TESTS.length + 1, -'.spec.mjs'.length).replaceAll('\\', '/')

function specs() {
  const rank = (file) => {
    const index = LONGEST.indexOf(nameOf(file))
    return index === -1 ? LONGEST.length : index
  }
  return readdirSync(TESTS, { recursive: true })
    .filter((name) => name.endsWith('.spec.mjs') && !name.includes('node_modules'))
    .map((name) => join(TESTS, name))
    .filter((file) => words.length === 0 || words.some((word) => nameOf(file).includes(word)))
    .sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1))
}

/** Runs specs in this order; how long each took, in milliseconds, is added to `durations`. */
function runAll(files, concurrency, durations) {
  return new Promise((resolve, reject) => {
    const count = ({ nesting, file, details }) => {
      if (nesting === 0 && file)
        durations.set(file, (durations.get(file) ?? 0) + details.duration_ms)
    }
    const stream = run({ files, concurrency })
      .on('test:pass', count)
      .on('test:fail', (event) => {
        count(event)
        process.exitCode = 1
      })
    stream.compose(new spec()).on('end', resolve).on('error', reject).pipe(process.stdout)
  })
}

// Node would read these certificates at the start of each of a thousand processes, which takes
// longer than the rest of the start. No test leaves the machine.
delete process.env.NODE_EXTRA_CA_CERTS

const isByNodeHttp = options['by-node-http']
if (isByNodeHttp) {
  // Sets the transport, and skips the tests of its list, in each spec.
  const register = new URL('../__test__/helpers/over-node-transport/register.mjs', import.meta.url)
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import=${register}`
}
const isWithin = (file) =>
  CONTRACT.some(
    (each) => nameOf(file) === each || (each.endsWith('/') && nameOf(file).startsWith(each)),
  )
const files = specs().filter((file) => !isByNodeHttp || words.length > 0 || isWithin(file))
if (files.length === 0) {
  console.error('No spec has such a name.')
  process.exit(1)
}
const isAlone = (file) => ALONE.includes(nameOf(file))
const durations = new Map()
const together = options.alone ? [] : files.filter((file) => !isAlone(file))
if (together.length > 0) await runAll(together, Number(options['at-once']), durations)
const alone = options.together ? [] : files.filter(isAlone)
if (alone.length > 0) await runAll(alone, 1, durations)
const slowest = [...durations].sort(([, one], [, other]) => other - one).slice(0, 10)
console.log('\nThe slowest specs:')
for (const [file, duration] of slowest) {
  console.log(`${(duration / 1000).toFixed(1).padStart(6)} s  ${nameOf(file)}`)
}
