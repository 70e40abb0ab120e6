import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { addonPath, BENCH } from '../prepare.mjs'

const ADDONS = { ours: addonPath, impit: addonOfImpit }

export default {
  metrics: [{ key: 'size', label: 'size', unit: 'MB', better: 'lower' }],
  title: () => 'Size of the addon on disk',
  entries: () => [
    { id: 'ours', name: '@socketsecurity/registry', kind: 'ours' },
    { id: 'impit', name: 'impit', kind: 'npm' },
  ],
  // Measured as often as the rest, so that the tables have one form.
  measure: () => (entry) => ({ size: statSync(ADDONS[entry.id]()).size }),
}

/** In the package of this platform, which lies beside its own. */
function addonOfImpit() {
  const modules = join(BENCH, 'node_modules')
  const found = readdirSync(modules)
    .filter((name) => name.startsWith('impit-'))
    .flatMap((name) => readdirSync(join(modules, name)).map((file) => join(modules, name, file)))
    .find((path) => path.endsWith('.node'))
  return found ?? dirname(modules)
}
