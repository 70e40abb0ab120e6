export {
  type DurationMetrics,
  type ErrorMetrics,
  flushMetrics,
  getErrors,
  getMetrics,
  type Metrics,
  metricsToPrometheus,
  resetMetrics,
} from '../index.js'
