// The cost of one part of a program to its process.

import { readFileSync } from 'node:fs'

/**
 * Starts now. Call what it returns at the end: wall ms, cpu s, event-loop utilisation, peak bytes.
 */
export function meter() {
  const loop = performance.eventLoopUtilization()
  const cpu = process.cpuUsage()
  const started = performance.now()
  return () => {
    const wall = performance.now() - started
    const { user, system } = process.cpuUsage(cpu)
    const { utilization } = performance.eventLoopUtilization(loop)
    return { wall, cpu: (user + system) / 1e6, elu: utilization, memory: peakMemory('self') }
  }
}

/**
 * Of the process, in bytes. Not `resourceUsage().maxRSS`: Linux counts into it what the parent had
 * when it started this process, so that all contenders would seem to need what the benchmark needs.
 */
export function peakMemory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0)
}
