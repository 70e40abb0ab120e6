import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { httpDownload } from '@socketsecurity/registry'

const url = process.argv[2]
for (const connections of [1, 8, 1, 8, 1, 8, 16]) {
  const s = performance.now(),
    c = process.cpuUsage()
  await httpDownload(url, '/tmp/connections/out.bin', { connections })
  const u = process.cpuUsage(c)
  console.log(
    connections,
    (performance.now() - s).toFixed(0),
    ((u.user + u.system) / 1000).toFixed(0),
  )
  rmSync('/tmp/connections/out.bin')
}
