import { max, median, min, quantile } from 'simple-statistics'

/** Of samples `{ wall, cpu, … }`: for each of these numbers its median and how far it is spread. */
export function summarize(samples) {
  return Object.fromEntries(
    Object.keys(samples[0]).map((metric) => {
      const values = samples.map((sample) => sample[metric])
      return [metric, spread(values)]
    }),
  )
}

export function spread(values) {
  return {
    median: median(values),
    min: min(values),
    max: max(values),
    q1: quantile(values, 0.25),
    q3: quantile(values, 0.75),
  }
}
