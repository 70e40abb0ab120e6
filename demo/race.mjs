// Several processes that want one file at the same time, shown until all have ended.

import { createDisplay } from './display.mjs'
import { readHolder } from './holder.mjs'

/**
 * Lets all workers go at once. `observe(holder, display)` is called every 20 ms, after the display
 * has been renewed.
 */
export async function race(workers, { size, destPath }, observe) {
  const display = createDisplay(workers.map(({ name, pid }) => `${name} (PID ${pid})`))

  function show() {
    for (const [index, { state, downloaded }] of workers.entries()) {
      display.show(index, state, downloaded, size)
    }
  }

  const timer = setInterval(() => {
    const pid = readHolder(destPath)?.pid
    const holder = workers.find((worker) => worker.pid === pid)
    for (const worker of workers) {
      if (worker.child.connected) {
        worker.state =
          worker === holder ? 'downloads' : worker.downloaded < size ? 'waits' : 'checks'
      }
    }
    show()
    observe(holder, display)
  }, 20)

  for (const { child } of workers) child.send('go')
  await Promise.all(workers.map(({ ended }) => ended))
  clearInterval(timer)
  show()
  display.stop()
}
