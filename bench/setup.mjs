// The place in which all is measured: a directory, its files, and the servers.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { atExit } from './cleanup.mjs'
import { BENCH } from './prepare.mjs'
import { makeCertificates } from './servers/certificates.mjs'
import { makeFile, makeJson } from './servers/files.mjs'
import { startNginx } from './servers/nginx.mjs'

export async function setUp({ quick, pin, dir }) {
  // Not the directory for temporary files: on many systems that is memory, which is no destination.
  const parent = resolve(dir ?? join(BENCH, 'node_modules/.cache'))
  mkdirSync(parent, { recursive: true })
  const directory = mkdtempSync(join(parent, 'bench-'))
  atExit(() => rmSync(directory, { recursive: true, force: true }))

  const root = join(directory, 'served')
  mkdirSync(root)
  const certificates = makeCertificates(directory)
  const cpu = pin ? cpus().length - 1 : undefined
  return {
    quick,
    directory,
    root,
    ca: certificates.ca,
    servers: await startNginx(directory, root, certificates, cpu),
    /** A served file of so many MiB, made when it is first wanted. */
    file: remember((mebibytes) => makeFile(root, mebibytes)),
    /** A served JSON document of so many bytes. */
    json: remember((bytes) => makeJson(root, bytes)),
    /** An empty directory. */
    fresh: (name) => mkdtempSync(join(directory, `${name}-`)),
  }
}

function remember(make) {
  const made = new Map()
  return (key) => {
    if (!made.has(key)) made.set(key, make(key))
    return made.get(key)
  }
}
