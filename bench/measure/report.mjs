import { writeSync } from 'node:fs'

/**
 * Prints the result on a line of its own, and ends the process: connections would keep it alive.
 */
export function report(result) {
  // Synchronously, for the process ends here. Contenders may have left a line unfinished.
  writeSync(1, `\n${JSON.stringify(result)}\n`)
  process.exit()
}
