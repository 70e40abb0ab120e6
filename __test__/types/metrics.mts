// Calls of lib/metrics as TypeScript callers write them. Compiled, not run.

import type { HttpDownloadResult, HttpResponse, ResponseTimings } from '@socketsecurity/registry'
import { getMetrics as fromRoot } from '@socketsecurity/registry'
import {
  type DurationMetrics,
  type ErrorMetrics,
  flushMetrics,
  getErrors,
  getMetrics,
  type Metrics,
  metricsToPrometheus,
  resetMetrics,
} from '@socketsecurity/registry/lib/metrics'

const metrics: Metrics = getMetrics()
const times: DurationMetrics = metrics.requests.duration
const failed: number = metrics.requests.byStatus['5xx'] + (metrics.hosts['a.test']?.failed ?? 0)
const errors: ErrorMetrics[] = getErrors()
const status: number | undefined = errors[0]?.status
const text: string = metricsToPrometheus()
const wasWritten: boolean = flushMetrics()
resetMetrics()
fromRoot().downloads.bytesSaved.toFixed()

declare const response: HttpResponse
declare const result: HttpDownloadResult
const timings: ResponseTimings | undefined = response.timings ?? result.timings
const connect: number | undefined = timings?.connect

console.log(times.p99, failed, status, text, wasWritten, connect)
