// node thread.mjs <url>: main.mjs in a Worker.

import { Worker } from 'node:worker_threads'

new Worker(new URL('main.mjs', import.meta.url), { argv: process.argv.slice(2) })
