// Four processes want one program, which three servers have. The first server dies, the second one
// goes silent, the process that downloads is killed; and the program is whole in the end.

import { once } from 'node:events'
import { megabytes } from './display.mjs'
import { isPromised, sourceDigest } from './promises.mjs'
import { race } from './race.mjs'
import { follow, onStage } from './stage.mjs'

const WORKERS = 4
const DIES_AT = 0.3
const SILENT_FROM = 0.5
const KILLED_AT = 0.75
const percent = (share) => `${Math.round(100 * share)} %`

export function mirrors() {
  return onStage(async ({ dir, destPath, start }) => {
    const servers = await Promise.all(
      [
        ['first server', {}],
        ['second server', { silentFrom: SILENT_FROM }],
        ['third server', {}],
      ].map(async ([name, behavior]) => {
        const child = start('server.mjs', JSON.stringify(behavior))
        const [{ url, size }] = await once(child, 'message')
        return { name, child, url, size }
      }),
    )
    const [{ url, size }, ...others] = servers
    console.log(`\n${WORKERS} processes want ${megabytes(size)}, which three servers have`)
    for (const server of servers) console.log(`  ${server.name.padEnd(13)}  ${server.url}`)
    console.log()

    const sha256 = sourceDigest()
    const options = {
      sha256,
      mirrors: others.map((each) => each.url),
      idleTimeout: 1000,
      retries: 0,
    }
    const workers = Array.from({ length: WORKERS }, (_, index) =>
      follow(start('worker.mjs', url, destPath, JSON.stringify(options)), `process ${index + 1}`),
    )
    await Promise.all(workers.map(({ ready }) => ready))
    const story = await run(workers, servers, { size, destPath })
    for (const server of servers.slice(1)) {
      server.child.send('report')
      ;[server.requests] = await once(server.child, 'message')
    }
    return summarize({ story, workers, servers, size, dir, destPath, sha256 })
  })
}

/** Lets all processes go at once, shows them, kills the first server and then the holder. */
async function run(workers, servers, { size, destPath }) {
  const [first] = servers
  const story = {}

  await race(workers, { size, destPath }, (holder, display) => {
    const share = (holder?.downloaded ?? 0) / size
    if (!story.died && share >= DIES_AT) {
      story.died = share
      first.child.kill('SIGKILL')
      display.say(`The first server is killed, at ${percent(share)}`)
    }
    if (!story.silent && share >= SILENT_FROM) {
      story.silent = true
      display.say(`The second server sends nothing any more, from ${percent(SILENT_FROM)} on`)
    }
    if (!story.killed && holder && share >= KILLED_AT) {
      story.killed = holder
      holder.child.kill('SIGKILL')
      display.say(`${holder.name} holds the lock and is at ${percent(share)}: killed with SIGKILL`)
    }
    if (story.killed && !story.heir && holder && holder !== story.killed) {
      story.heir = holder
      display.say(`${holder.name} has the lock now and asks all servers again`)
    }
  })
  return story
}

function summarize({ story, workers, servers, size, dir, destPath, sha256 }) {
  console.log('\nWhat the servers were asked')
  console.log(`  first server    killed at ${percent(story.died ?? 0)}`)
  for (const { name, requests } of servers.slice(1)) {
    const ranges = requests.map(
      ({ from, sent }) => `from ${percent(from / size)}: ${megabytes(sent)}`,
    )
    console.log(`  ${name.padEnd(13)}   ${ranges.join('; ')}`)
  }
  const survivors = workers.filter((worker) => worker !== story.killed)
  const [, second, third] = servers
  const sent = [second, third].flatMap(({ requests }) => requests.map((each) => each.sent))
  const again = sent.reduce((sum, each) => sum + each, 0) - (1 - (story.died ?? 0)) * size
  const isResumed = [second, third].every(({ requests }) => requests.every(({ from }) => from > 0))
  return isPromised({ survivors, dir, destPath, sha256 }, [
    [`the first server died at ${percent(story.died ?? 0)}`, Boolean(story.died)],
    ['the second server was asked, and left when it was silent', second.requests.length > 0],
    [
      `${story.killed?.name ?? 'nobody'} was killed, ${story.heir?.name ?? 'nobody'} took over`,
      Boolean(story.heir),
    ],
    ['no server was asked for what was there', isResumed],
    [
      `${megabytes(Math.max(0, again))} were sent and lost, of ${megabytes(size)}`,
      again < size / 4,
    ],
  ])
}
