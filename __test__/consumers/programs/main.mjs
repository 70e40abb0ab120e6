// node main.mjs <url>: a request and a download, from a module.

import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { httpGetJson } from '@socketsecurity/registry/lib/http-request'

const { fine } = await httpGetJson(process.argv[2])
const { size } = await downloadWithLock(process.argv[2], 'downloaded-by-a-module')
console.log(JSON.stringify({ fine, size }))
