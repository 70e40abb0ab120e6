// Calls httpDownload or downloadWithLock, as its job says, and reports how that ended and what the
// directory holds then. With `uid` it gives up its rights before.

import { readdirSync } from 'node:fs'
import { downloadWithLock, httpDownload } from '@socketsecurity/registry'
import { job, report } from './lock-child.mjs'

const { how = 'httpDownload', url, destPath, options, directory, uid } = job
const download = { httpDownload, downloadWithLock }[how]

if (uid !== undefined) {
  process.setgroups([])
  process.setgid(uid)
  process.setuid(uid)
}

const started = performance.now()
report('calling')
download(url, destPath, options).then(
  ({ size, resumedFrom, sha256 }) => finish('done', { size, resumedFrom, sha256 }),
  (error) => {
    const { name, message, code, path, syscall, attempts } = error
    finish('failed', { name, message, code, path, syscall, attempts, causes: codesBehind(error) })
  },
)

function finish(event, details) {
  const took = performance.now() - started
  const left = directory && readdirSync(directory, { recursive: true }).sort()
  report(event, { took, left, ...details })
}

function codesBehind(error) {
  const found = []
  for (let each = error; each && found.length < 10; each = each.cause) found.push(each.code)
  return found.filter(Boolean)
}
