// Downloads eight files by host name at once, each time it is told to on stdin, and says how they
// ended. Its parent limits its threads meanwhile.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { httpDownload } from '@socketsecurity/registry'

const [url, directory] = process.argv.slice(2)
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`)

let unhandled = 0
process.on('unhandledRejection', () => {
  unhandled += 1
})

let files = 0
function start() {
  try {
    return httpDownload(url, join(directory, `${files++}`), { timeout: 20_000 })
  } catch (error) {
    return Promise.resolve({ thrown: `${error}` })
  }
}

say(readdirSync('/proc/self/task').length)
for await (const _ of createInterface(process.stdin)) {
  const endings = await Promise.allSettled(Array.from({ length: 8 }, start))
  await new Promise((resolve) => setTimeout(resolve, 50))
  const outcomes = endings.map(({ value, reason }) =>
    reason ? { code: reason.code, message: reason.message } : value,
  )
  say({ outcomes, unhandled })
}
