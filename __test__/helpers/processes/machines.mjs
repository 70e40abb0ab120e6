// Many machines that want one file at the same moment, behind a cache. Its job is a scenario:
//
//   count         how many machines
//   directory     for everything
//   isNetworked   whether each machine has a network of its own (this process is in one already)
//   isRedirected  whether the origin sends to a signed URL, another one each time
//   dies          whether the cache dies when the first machine has a quarter
//
// Prints one event: what each machine has, and what the origin was asked.

import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startCachingProxy } from '../origins/caching-proxy.mjs'
import { until } from '../support.mjs'
import { spawnJob } from './job-process.mjs'
import { job, report } from './lock-child.mjs'

const { count, directory, isNetworked, isRedirected, dies } = job
const HOST = isNetworked ? '10.77.255.1' : '127.0.0.1'
const BODY = randomBytes(4_000_000)
const SLICES = 20
/** Milliseconds for the whole body: long enough for what is to happen meanwhile. */
const DURATION = dies ? 3000 : 1500
const sha256 = createHash('sha256').update(BODY).digest('hex')

const machines = []
process.on('exit', () => {
  for (const machine of machines) machine.kill('SIGKILL')
})

/** Before the spec kills this process, which would leave nginx behind. */
setTimeout(() => process.exit(1), 100_000).unref()

const ip = (...args) => execFileSync('ip', args, { stdio: 'pipe' })

/** The origin: one file, with a strong validator and ranges. */
async function startOrigin() {
  const requests = []
  const server = createServer(async ({ url, headers }, response) => {
    if (isRedirected && url === '/tool') {
      requests.push({ kind: 'redirect' })
      const location = `http://${headers.host}/signed?token=${requests.length}`
      response.writeHead(302, { Location: location }).end()
      return
    }
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
    requests.push({ kind: 'file', from })
    const rest = BODY.subarray(from)
    response.writeHead(from > 0 ? 206 : 200, {
      'Content-Length': rest.length,
      'Accept-Ranges': 'bytes',
      ETag: `"${sha256.slice(0, 16)}"`,
      // As of a server that does not know that the URL names one version.
      'Cache-Control': 'private, no-cache',
      'Set-Cookie': 'session=1',
      ...(from > 0 && { 'Content-Range': `bytes ${from}-${BODY.length - 1}/${BODY.length}` }),
    })
    const size = Math.ceil(BODY.length / SLICES)
    for (let at = 0; at < rest.length && !response.destroyed; at += size) {
      response.write(rest.subarray(at, at + size))
      await sleep(DURATION / SLICES)
    }
    response.end()
  })
  await new Promise((resolve) => server.listen(0, HOST, resolve))
  return { requests, server, url: `http://${HOST}:${server.address().port}` }
}

async function freePort(host) {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, host, resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A machine: a process with a cache of its own, and if wanted with a network of its own. */
async function startMachine(index, url, mirrors) {
  const place = join(directory, `machine-${index}`)
  mkdirSync(place)
  const wrapper = isNetworked ? ['unshare', '-n'] : []
  const details = { url, destPath: join(place, 'tool'), sha256, mirrors }
  const machine = spawnJob('machine-job', details, { wrapper })
  machines.push(machine)
  await machine.event('ready', 60_000)
  if (isNetworked) connect(index, machine.pid)
  return machine
}

/** A cable between this network and that of a machine. */
function connect(index, pid) {
  const [outside, inside] = [`10.77.${index}.1`, `10.77.${index}.2`]
  const within = (...args) => execFileSync('nsenter', ['-t', `${pid}`, '-n', 'ip', ...args])
  ip('link', 'add', `machine${index}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `${pid}`)
  ip('addr', 'add', `${outside}/30`, 'dev', `machine${index}`)
  ip('link', 'set', `machine${index}`, 'up')
  within('addr', 'add', `${inside}/30`, 'dev', 'eth0')
  within('link', 'set', 'eth0', 'up')
  within('route', 'add', 'default', 'via', outside)
}

/** Returns the outcome that a machine reported, or `died` if it ended without one. */
async function outcomeOf(machine) {
  const end = () => machine.events.find(({ event }) => event === 'done' || event === 'failed')
  await Promise.race([machine.exit, until(end, 'the end of a machine', 60_000)])
  const { at: _, ...outcome } = end() ?? { event: 'died', ...(await machine.exit) }
  return outcome
}

if (isNetworked) {
  ip('link', 'set', 'lo', 'up')
  ip('addr', 'add', `${HOST}/32`, 'dev', 'lo')
}
const origin = await startOrigin()
const address = `${HOST}:${await freePort(HOST)}`
const proxyDirectory = join(directory, 'proxy')
mkdirSync(proxyDirectory)
const cache = await startCachingProxy(proxyDirectory, {
  ...{ address, port: await freePort('127.0.0.1') },
  ...{ origin: origin.url, isAlone: isNetworked && job.isMapped },
})

const url = `${origin.url}/tool`
const mirrors = `${origin.url}/=http://${address}/downloads/`
const cold = await Promise.all(
  Array.from({ length: count }, (_, index) => startMachine(index, url, mirrors)),
)
for (const machine of cold) machine.tell('go')
if (dies) {
  const hasQuarter = (machine) => machine.events.some(({ event }) => event === 'quarter')
  await until(() => cold.some(hasQuarter), 'a quarter of the file')
  await cache.kill()
}
const outcomes = await Promise.all(cold.map(outcomeOf))
const asked = [...origin.requests]

// A machine that comes later.
const late = await startMachine(count, url, mirrors)
late.tell('go')
const later = { outcome: await outcomeOf(late), requests: origin.requests.length - asked.length }

if (!dies) await cache.kill()
report('ended', { sha256, cache: `http://${address}/downloads/tool`, url, asked, outcomes, later })
origin.server.closeAllConnections()
origin.server.close()
