// All contenders. The module of a contender exports the methods that it can do: json(url),
// jsonOverH2(url), download(url, file), verified(url, file, sha256).

import { measure } from '../child.mjs'
import { isProgram } from '../prepare.mjs'

const IDS = [
  'ours',
  'ours-request',
  'node-http',
  'cli-flow',
  'fetch',
  'undici',
  'got',
  'axios',
  'node-fetch',
  'make-fetch-happen',
  'impit',
  'ipull',
  'node-downloader-helper',
  'curl',
  'aria2c',
]

/** Ways to use one of them that a workload has to name. */
const WAYS = ['ours-connections', 'ours-rate', 'aria2c-connections']

const METHODS = ['json', 'jsonOverH2', 'download', 'verified']

async function describe(id) {
  const contender = await measure('describe.mjs', { id })
  for (const method of METHODS) {
    if (contender.methods.includes(method) === method in contender.cannot) {
      throw new Error(`contenders/${id}.mjs: either export ${method}, or say in "cannot" why not`)
    }
  }
  return contender
}

const contenders = await Promise.all([...IDS, ...WAYS].map(describe))

/**
 * Returns the contenders among `ids` that can do `method`, without programs that are not installed.
 */
export const able = (method, ids = IDS) =>
  contenders
    .filter(({ id, methods, program }) => {
      return ids.includes(id) && methods.includes(method) && (!program || isProgram(program))
    })
    .map(({ id, name, kind, program }) => ({ id, name, kind, program }))

/** Returns `[name, reason]` for each contender that cannot do `method`. */
export const unable = (method) =>
  contenders
    .filter(({ id }) => IDS.includes(id))
    .filter(({ program, cannot }) => cannot[method] || (program && !isProgram(program)))
    .map(({ name, cannot }) => [name, cannot[method] ?? 'not installed'])
