// A line for each contender, on a logarithmic scale.

import { quantity } from './numbers.mjs'
import { OTHERS, OURS, TEXT } from './svg.mjs'

const HEIGHT = 240
const COLOURS = ['#bf8700', '#2da44e', '#bf3989']

export function linePanel({ title, metrics, x, entries }, key) {
  const metric = metrics.find((each) => each.key === key)
  const points = [...new Set(entries.map((entry) => entry.x))]
  const contenders = [...new Map(entries.map(({ id, name, kind }) => [id, { id, name, kind }]))]
  let others = 0
  return {
    title,
    subtitle: `${metric.label}, median of the rounds; ${metric.better} is better`,
    height: HEIGHT,
    margins: { left: 84, right: 190, bottom: 40 },
    xAxis: {
      type: 'category',
      boundaryGap: false,
      data: points.map((point) => quantity(point, x.unit)),
      name: x.unit ? '' : x.label,
      nameLocation: 'middle',
      nameGap: 26,
      nameTextStyle: { color: TEXT },
      axisLine: { lineStyle: { color: OTHERS } },
      axisLabel: { color: TEXT },
    },
    yAxis: {
      type: 'log',
      axisLabel: { color: TEXT, formatter: (value) => quantity(value, metric.unit) },
      splitLine: { lineStyle: { color: OTHERS, opacity: 0.25 } },
    },
    series: contenders.map(([id, { name, kind }]) => {
      const colour = kind === 'ours' ? OURS : COLOURS[others++ % COLOURS.length]
      return line(name, colour, kind === 'ours', valuesOf(entries, id, points, key))
    }),
  }
}

const valuesOf = (entries, id, points, key) =>
  points.map((point) => {
    const entry = entries.find((each) => each.id === id && each.x === point)
    return entry?.summary?.[key].median ?? null
  })

const line = (name, color, ours, data) => ({
  type: 'line',
  name,
  data,
  symbol: 'circle',
  symbolSize: ours ? 7 : 5,
  itemStyle: { color },
  lineStyle: { color, width: ours ? 3 : 2 },
  z: ours ? 3 : 2,
  endLabel: { show: true, formatter: '{a}', color: TEXT, fontSize: 12, distance: 8 },
  labelLayout: { moveOverlap: 'shiftY' },
})
