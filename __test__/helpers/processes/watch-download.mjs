// Downloads a file and watches meanwhile how the event loop and the memory fare.

import { performance } from 'node:perf_hooks'
import { httpDownload } from '@socketsecurity/registry'

const [, , url, destination] = process.argv
const before = process.memoryUsage().rss
const start = performance.now()
const watched = { ticks: 0, longestGap: 0, growth: 0, elapsed: 0, size: 0, calls: 0 }

let last = start
const timer = setInterval(() => {
  const now = performance.now()
  watched.ticks += 1
  watched.longestGap = Math.max(watched.longestGap, now - last)
  watched.growth = Math.max(watched.growth, process.memoryUsage().rss - before)
  last = now
}, 10)

const onProgress = () => {
  watched.calls += 1
}
const { size } = await httpDownload(url, destination, { onProgress })
clearInterval(timer)
watched.size = size
watched.elapsed = performance.now() - start
watched.longestGap = Math.max(watched.longestGap, performance.now() - last)
console.log(JSON.stringify(watched))
