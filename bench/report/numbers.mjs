// Numbers for readers: three digits, in the unit that is shown.

import { shown } from '../workloads/kinds/units.mjs'

const format = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })

export const digits = (number) => (Number.isFinite(number) ? format.format(number) : '—')

export function quantity(value, unit) {
  const number = digits(shown(value, unit))
  if (unit === '') return number
  return unit.startsWith('/') || unit === '%' ? `${number}${unit}` : `${number} ${unit}`
}
