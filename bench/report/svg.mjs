// Panels below each other in one SVG, without a background, readable on white and on black.

import * as echarts from 'echarts'

const WIDTH = 760
const TITLE = 48
const GAP = 24

/**
 * No grey has a contrast of 4.5 to both, so text follows the reader's colour scheme where that is
 * known.
 */
export const TEXT = '#747c86'
const STYLE = `<style>
text[fill="${TEXT}"] { fill: #59636e }
@media (prefers-color-scheme: dark) { text[fill="${TEXT}"] { fill: #9aa4af } }
</style>`

export const OURS = '#2f81f7'
export const OTHERS = '#8c959f'
export const FONT = 'system-ui, Helvetica, Arial, sans-serif'

/** A panel is `{ title, subtitle, height, margins, xAxis, yAxis, series }`, of a single grid. */
export function draw(panels) {
  const option = { animation: false, textStyle: { fontFamily: FONT, color: TEXT } }
  Object.assign(option, { title: [], grid: [], xAxis: [], yAxis: [], series: [] })
  let top = 6
  for (const [index, panel] of panels.entries()) {
    option.title.push(heading(panel, top))
    option.grid.push({ top: top + TITLE, height: panel.height, ...panel.margins })
    option.xAxis.push({ gridIndex: index, ...panel.xAxis })
    option.yAxis.push({ gridIndex: index, ...panel.yAxis })
    const axes = { xAxisIndex: index, yAxisIndex: index }
    option.series.push(...panel.series.map((series) => ({ ...axes, ...series })))
    top += TITLE + panel.height + (panel.margins.bottom ?? 0) + GAP
  }
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: top })
  chart.setOption(option)
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg.replace(/<svg[^>]*>/, (tag) => `${tag}\n${STYLE}`)
}

const heading = ({ title, subtitle }, top) => ({
  text: title,
  subtext: subtitle,
  top,
  left: 0,
  padding: 0,
  itemGap: 4,
  textStyle: { fontSize: 14, fontWeight: 600, color: TEXT },
  subtextStyle: { fontSize: 12, color: TEXT },
})
