// Downloads with mirrors, as its job says, and reports what came of it. With `abortAfter` it ends
// the call after so many milliseconds.

import { readFileSync } from 'node:fs'
import { downloadWithLock, httpDownload } from '@socketsecurity/registry'
import { job, report } from './lock-child.mjs'
import { hashOf } from './lock-stage.mjs'

const { how = 'downloadWithLock', url, destPath, options = {}, abortAfter } = job
const signal = abortAfter === undefined ? undefined : AbortSignal.timeout(abortAfter)

report('calling')
try {
  const download = { httpDownload, downloadWithLock }[how]
  const { source, size, resumedFrom, attempts } = await download(url, destPath, {
    ...options,
    signal,
    onWait: () => report('waiting'),
  })
  const sha256 = hashOf(destPath)
  report('done', {
    source,
    size,
    resumedFrom,
    attempts,
    sha256,
    length: readFileSync(destPath).length,
  })
} catch (error) {
  const { name, message, code, lockPath } = error
  report('failed', { name, message, code, lockPath, codes: error.errors?.map((each) => each.code) })
}
