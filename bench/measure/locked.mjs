// Takes a lock of proper-lockfile, and gives it back when told.

import { lock } from '../contenders/locks/proper-lockfile.mjs'
import { play, say, told } from './stage.mjs'

const { file } = JSON.parse(process.argv[2])

play(async () => {
  const go = told('go')
  say('ready')
  await go
  const locking = lock(file)
  say('waiting')
  const unlock = await locking
  const end = told('unlock')
  say('locked')
  await end
  say('unlocks')
  await unlock()
})
