// One nginx with one worker: plain, TLS 1.3, HTTP/2 over TLS, and one that is slow on purpose.

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { atExit } from '../cleanup.mjs'
import { PATH } from '../prepare.mjs'
import { freePorts } from './ports.mjs'

/** Of the slow server, for each connection. */
export const MEBIBYTES_PER_SECOND = 32

/** Serves `root`; resolves with the URL of each server. `cpu` pins it. */
export async function startNginx(directory, root, certificates, cpu) {
  const ports = await freePorts(4)
  const file = join(directory, 'nginx.conf')
  writeFileSync(file, configuration(directory, root, certificates, ports))

  const command = ['nginx', '-p', directory, '-e', join(directory, 'error.log'), '-c', file]
  const [program, ...args] = cpu === undefined ? command : ['taskset', '-c', `${cpu}`, ...command]
  const nginx = spawn(program, args, { stdio: 'inherit', env: { ...process.env, PATH } })
  const stop = atExit(() => nginx.kill())
  await Promise.all(ports.map((port) => listens(port, nginx)))

  const [http, tls, h2, slow] = ports
  return {
    http: `http://127.0.0.1:${http}/`,
    tls: `https://127.0.0.1:${tls}/`,
    h2: `https://127.0.0.1:${h2}/`,
    slow: `http://127.0.0.1:${slow}/`,
    stop,
  }
}

const configuration = (directory, root, { certificate, key }, [http, tls, h2, slow]) => `
daemon off;
worker_processes 1;
pid "${directory}/nginx.pid";
${process.getuid() === 0 ? `user ${userInfo().username};` : ''}
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  # So that opening files is not what is measured.
  open_file_cache max=100;
  keepalive_requests 1000000000;
  types { application/json json; }
  default_type application/octet-stream;
  root "${root}";
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path "${directory}/${name}";`)
    .join('\n  ')}
  ssl_certificate "${certificate}";
  ssl_certificate_key "${key}";
  ssl_protocols TLSv1.3;
  server {
    listen 127.0.0.1:${http};
    location /fresh/ { alias "${root}/"; add_header Cache-Control max-age=3600; }
    location /asked/ { alias "${root}/"; add_header Cache-Control no-cache; }
  }
  server { listen 127.0.0.1:${tls} ssl; }
  server {
    listen 127.0.0.1:${h2} ssl http2;
    # nginx would take HTTP/1.1 here too, and a client that cannot do better would not be noticed.
    if ($server_protocol != HTTP/2.0) { return 426; }
  }
  server { listen 127.0.0.1:${slow}; limit_rate ${MEBIBYTES_PER_SECOND}m; }
}
`

async function listens(port, nginx) {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (nginx.exitCode !== null) throw new Error('nginx did not start')
    if (await accepts(port)) return
    await sleep(50)
  }
  throw new Error(`nginx does not listen on port ${port}`)
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const tell = (result) => {
      socket.destroy()
      resolve(result)
    }
    socket.once('connect', () => tell(true)).once('error', () => tell(false))
  })
}
