// `node --import` of this file runs a spec over the transport 'node': the contract is the same.
// Tests of what only the native transport has are skipped, by the list of skipped.json: by file and
// name, with the reason.

import { register } from 'node:module'

process.env.SOCKET_HTTP_TRANSPORT = 'node'
register('./hooks.mjs', import.meta.url)
