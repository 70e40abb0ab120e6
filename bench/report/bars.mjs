// A bar for each contender, the best on top, with a line from the smallest to the largest round.

import { quantity } from './numbers.mjs'
import { FONT, OTHERS, OURS, TEXT } from './svg.mjs'
import { sorted } from './tables.mjs'

const ROW = 22
const NAMES = 250
/** For the number behind the longest bar. */
const NUMBERS = 80

export function barPanel({ title, metrics: [metric], entries }) {
  const rows = sorted(entries, metric).filter(({ summary }) => summary)
  const spreads = rows.map(({ summary }) => summary[metric.key])
  return {
    title,
    subtitle: `${metric.label}, median and range of the rounds; ${metric.better} is better`,
    height: rows.length * ROW,
    margins: { left: NAMES, right: NUMBERS },
    xAxis: { type: 'value', show: false, min: 0, max: Math.max(...spreads.map(({ max }) => max)) },
    yAxis: {
      type: 'category',
      inverse: true,
      data: rows.map(({ name }) => name),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { color: TEXT, fontSize: 12, width: NAMES - 10, overflow: 'truncate' },
    },
    series: [bars(rows, spreads), whiskers(spreads, metric)],
  }
}

const bars = (rows, spreads) => ({
  type: 'bar',
  barWidth: 13,
  data: spreads.map(({ median }, row) => ({ value: median, itemStyle: look(rows[row]) })),
})

/** Pale for the others, so that the line is seen on them. */
const look = ({ kind }) => ({
  borderRadius: [0, 2, 2, 0],
  ...(kind === 'ours' ? { color: OURS, opacity: 0.9 } : { color: OTHERS, opacity: 0.5 }),
})

const whiskers = (spreads, { unit }) => ({
  type: 'custom',
  z: 3,
  data: spreads.map(({ median, min, max }, row) => [min, row, max, median]),
  encode: { x: [0, 2], y: 1 },
  renderItem(_params, api) {
    const [left, y] = api.coord([api.value(0), api.value(1)])
    const [right] = api.coord([api.value(2), api.value(1)])
    const line = (x1, y1, x2, y2) => ({
      type: 'line',
      shape: { x1, y1, x2, y2 },
      style: { stroke: TEXT, lineWidth: 1.5 },
    })
    const text = quantity(api.value(3), unit)
    return {
      type: 'group',
      children: [
        line(left, y, right, y),
        line(left, y - 4, left, y + 4),
        line(right, y - 4, right, y + 4),
        label(text, right + 6, y),
      ],
    }
  },
})

const label = (text, x, y) => ({
  type: 'text',
  style: { text, x, y, fill: TEXT, font: `12px ${FONT}`, textVerticalAlign: 'middle' },
})
