// One bar for each row on a terminal; plain lines, and few of them, anywhere else.

import { MultiBar } from 'cli-progress'

export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`

/** `show(row, state, downloaded, total)`, `say(text)` above the bars, and `stop()`. */
export function createDisplay(names) {
  return process.stdout.isTTY ? createBars(names) : createLines(names)
}

function createBars(names) {
  const format = '  {name}  {state}  {bar}  {percentage}%  {done}'
  const bars = new MultiBar({
    format,
    stream: process.stdout,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    gracefulExit: false,
  })
  const rows = new Map()
  let stopped = false

  function stop() {
    if (stopped) return
    stopped = true
    bars.stop()
    console.log()
  }
  process.once('exit', stop)

  return {
    show(index, state, downloaded, total) {
      const payload = { name: names[index], state: state.padEnd(9), done: megabytes(downloaded) }
      const row = rows.get(index) ?? bars.create(total, downloaded, payload)
      rows.set(index, row)
      row.update(downloaded, payload)
    },
    say: (text) => (rows.size > 0 ? bars.log(`  ${text}\n`) : console.log(`  ${text}`)),
    stop,
  }
}

function createLines(names) {
  const states = names.map(() => '')
  const quarters = names.map(() => 0)
  return {
    show(index, state, downloaded, total) {
      const quarter = Math.floor((4 * downloaded) / total)
      const advanced = state === 'downloads' && quarter > quarters[index]
      if (state !== states[index] || advanced) {
        const percent = advanced ? `${25 * quarter}%` : ''
        console.log(`  ${names[index]}  ${state.padEnd(9)}  ${percent}`.trimEnd())
      }
      states[index] = state
      quarters[index] = quarter
    },
    say: (text) => console.log(`  ${text}`),
    stop() {},
  }
}
