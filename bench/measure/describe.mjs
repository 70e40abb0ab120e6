// Describes a contender and its methods in a process of its own, because some addons disturb each
// other.

import { report } from './report.mjs'

const { id } = JSON.parse(process.argv[2])
const { name, kind, program, cannot = {}, ...exports } = await import(`../contenders/${id}.mjs`)
report({ id, name, kind, program, cannot, methods: Object.keys(exports) })
