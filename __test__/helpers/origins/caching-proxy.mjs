// nginx in front of an origin, with the configuration of examples/many-machines.

import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { until } from '../support.mjs'

/** It is in sbin, which is not on everyone's PATH. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` }

/** Why it cannot be started; false if it can. */
export function noNginx() {
  const { error } = spawnSync('nginx', ['-v'], { env })
  return error ? 'nginx is not installed: apt-get install nginx-light' : false
}

const EXAMPLE = new URL('../../../examples/many-machines/nginx.conf', import.meta.url)
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

/**
 * The example, with what is of this place in it. Each replacement must find something to replace.
 */
function servers(directory, address, port, origin) {
  const replacements = [
    ['listen 8080;', `listen ${address};`],
    ['127.0.0.1:8081;', `127.0.0.1:${port};`],
    ['127.0.0.1:8081;', `127.0.0.1:${port};`],
    ['/var/cache/nginx/downloads', join(directory, 'cache')],
    ['https://downloads.example.com/;', `${origin}/;`],
  ]
  return replacements.reduce(
    (text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`The example has no ${from}`)
      return text.replace(from, to)
    },
    readFileSync(EXAMPLE, 'utf8'),
  )
}

/**
 * Starts it. `address` is `host:port`, `port` that of its way to the origin; `isAlone` without a
 * master, which may not change its user in a namespace. Resolves with `kill()`, at once and without
 * a word to clients.
 */
export async function startCachingProxy(directory, { address, port, origin, isAlone }) {
  const file = join(directory, 'nginx.conf')
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  const places = TEMPORARY.map((name) => `${name}_temp_path ${join(directory, name)};`)
  writeFileSync(
    file,
    `daemon off;
master_process ${isAlone ? 'off' : 'on'};
worker_processes 2;
${user}
pid ${join(directory, 'nginx.pid')};
events {}
http {
access_log off;
${places.join('\n')}
${servers(directory, address, port, origin)}
}
`,
  )
  const args = ['-p', directory, '-e', join(directory, 'error.log'), '-c', file]
  const child = spawn('nginx', args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  process.on('exit', () => child.kill('SIGTERM'))
  let said = ''
  child.stderr.on('data', (text) => {
    said += text
  })
  let hasEnded = false
  const ended = new Promise((resolve) => child.on('exit', resolve))
  ended.then(() => {
    hasEnded = true
  })
  await until(async () => {
    if (hasEnded) throw new Error(`nginx has ended: ${said}`)
    return isOpen(address)
  }, 'nginx')
  return {
    // Of a master: the fast end, which cuts connections of its workers, too.
    async kill() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function isOpen(address) {
  const [host, port] = address.split(':')
  return new Promise((resolve) => {
    const socket = connect(Number(port), host, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
