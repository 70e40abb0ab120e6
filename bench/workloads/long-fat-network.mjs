// A network with a long round trip and small windows: a connection cannot fill it.

import { DELAY, startRelay, WINDOW } from '../servers/relay.mjs'
import { downloads } from './kinds/downloads.mjs'

export default downloads({
  title: `Download over a round trip of ${2 * DELAY} ms with ${WINDOW / 1024} KiB of a connection on the way; 8 connections where they can be set`,
  server: 'http',
  method: 'download',
  mebibytes: { full: 64, quick: 16 },
  ids: ['ours', 'ours-connections', 'curl', 'aria2c-connections', 'ipull'],
  through: startRelay,
})
