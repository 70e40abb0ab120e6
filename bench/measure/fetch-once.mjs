// One of many processes that want a file.

import { play, say, told } from './stage.mjs'

const { id, url, file } = JSON.parse(process.argv[2])

play(async () => {
  const { fetchOnce } = await import(`../contenders/locks/${id}.mjs`)
  const go = told('go')
  say('ready')
  await go
  await fetchOnce(url, file)
  say('done')
})
