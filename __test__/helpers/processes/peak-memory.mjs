// Downloads a file and reports the peak of its memory. Linux only.

import { readFileSync } from 'node:fs'
import { httpDownload } from '@socketsecurity/registry'
import { job, report } from './lock-child.mjs'

const { url, destPath, options } = job
const peak = () => {
  const status = readFileSync('/proc/self/status', 'latin1')
  return 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status)[1])
}

const before = peak()
const { size } = await httpDownload(url, destPath, options)
report('done', { size, before, peak: peak() })
process.exit()
