// Ends started processes and removes created files at exit, also on an error and on Ctrl-C.

const tasks = new Set()

/**
 * Runs `task`, which must be synchronous, when the benchmark ends. Returns how to run it earlier.
 */
export function atExit(task) {
  tasks.add(task)
  return () => {
    if (tasks.delete(task)) task()
  }
}

process.on('exit', () => {
  // The last first: nginx ends before its directory goes.
  for (const task of [...tasks].reverse()) task()
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
