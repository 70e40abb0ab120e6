// Prints the requests that the server received, and whether the demo kept its promises.

import { megabytes } from './display.mjs'
import { isPromised, sourceDigest } from './promises.mjs'

export function summarize({ workers, killed, requests, dir, destPath }) {
  console.log('\nWhat the server was asked')
  for (const [index, request] of requests.entries()) {
    console.log(`  ${request.method} ${index + 1}   ${explain(request)}`)
  }

  const gets = requests.filter(({ method }) => method === 'GET')
  const survivors = workers.filter((worker) => worker !== killed?.worker)
  return isPromised({ survivors, dir, destPath, sha256: sourceDigest() }, [
    [`${gets.length} GET requests for ${workers.length} processes (3 expected)`, gets.length === 3],
    [tellOfKill(killed), Boolean(killed?.heir)],
  ])
}

function explain({ status, from, sent, whole }) {
  if (status === 503) return '503   busy: the holder waited a little and tried again'
  const start =
    from > 0 ? `${status}   resumed at ${megabytes(from)}` : `${status}   from the start`
  return `${start}, ${megabytes(sent)} sent, ${whole ? 'finished' : 'cut off: its process was killed'}`
}

function tellOfKill(killed) {
  if (!killed) return 'the holder was killed halfway (it was not: nobody was seen holding the lock)'
  const percent = `${Math.round(100 * killed.at)} %`
  const heir = killed.heir
    ? `${killed.heir.name} took over in ${Math.round(killed.took)} ms`
    : 'nobody took over'
  return `${killed.worker.name} was killed at ${percent}; ${heir}`
}
