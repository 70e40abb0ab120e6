// Gets paths with an HttpClient, over and over for a while and at least so often if the job says
// so, and reports what came of it.

import { HttpClient } from '@socketsecurity/registry'
import { job, report } from './lock-child.mjs'

const { options, paths, milliseconds = 0, least = 0, at = 4 } = job
const client = new HttpClient(options)
const end = performance.now() + milliseconds
const values = []
const failures = []
let calls = 0

async function work() {
  do {
    for (const path of paths) {
      calls += 1
      try {
        const value = await client.getJson(path)
        if (milliseconds === 0) values.push(value)
        else if (!isWhole(value, path)) failures.push(`${path}: ${JSON.stringify(value)}`)
      } catch (error) {
        failures.push(`${path}: ${error}`)
      }
    }
  } while (performance.now() < end || calls < least)
}

/** As the server made it: one letter, many times. */
function isWhole({ path, text }, wanted) {
  return path === wanted && text === text[0].repeat(text.length) && text.length > 0
}

await Promise.all(Array.from({ length: milliseconds === 0 ? 1 : at }, work))
report('done', { calls, values, failures: failures.slice(0, 5), metrics: client.metrics() })
