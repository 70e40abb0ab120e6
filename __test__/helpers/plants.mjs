// Files that an attacker with another user ID can plant in a shared directory, and functions that
// show whether the victim fell for them.

import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { temporaryDirectory } from './support.mjs'

/** The attacker, and a victim that is not root. */
export const MALLORY = 65_534
export const ALICE = 1234

/** Why these tests cannot run here; `false` when they can, as `skip` of a test wants it. */
export const whyNotRoot =
  process.platform !== 'linux' || process.getuid() !== 0 ? 'only root can play two users' : false

const EVIL = '#!/bin/sh\necho owned\n'
const GIGABYTES = 1 << 33

/**
 * Each puts something at a path as Mallory. `vault` is a directory of the victim, with a file of
 * it.
 *
 * @type {Record<string, (path: string, vault: { directory: string, file: string }) => unknown>}
 */
export const plants = {
  'an empty file': (path) => file(path, ''),
  'a file': (path) => file(path, EVIL),
  'a file that all can write': (path) => file(path, EVIL, 0o666),
  'a file that nobody can read': (path) => file(path, EVIL, 0),
  'a setuid file': (path) => file(path, EVIL, 0o4777),
  'the JSON of a record or a holder': (path) => file(path, json(), 0o666),
  'sparse gigabytes': (path) => {
    const descriptor = openSync(path, 'wx', 0o666)
    ftruncateSync(descriptor, GIGABYTES)
    closeSync(descriptor)
    chownSync(path, MALLORY, MALLORY)
  },
  'a link to a file': (path, vault) => link(vault.file, path),
  'a link to a directory': (path, vault) => link(vault.directory, path),
  'a link to nowhere': (path, vault) => link(join(vault.directory, 'new'), path),
  'a link to itself': (path) => link(path, path),
  'a link to a device': (path) => link('/dev/zero', path),
  'a hard link': (path, vault) => linkSync(vault.file, path),
  'a directory': (path) => {
    mkdirSync(path)
    chownSync(path, MALLORY, MALLORY)
  },
  'a directory with something in it': (path) => {
    mkdirSync(path)
    writeFileSync(join(path, 'in'), '')
    chownSync(path, MALLORY, MALLORY)
  },
  'a FIFO': (path) => {
    execFileSync('mkfifo', ['-m', '666', path])
    lchownSync(path, MALLORY, MALLORY)
  },
  'a socket': (path) =>
    new Promise((resolve, reject) => {
      const server = createServer().on('error', reject)
      server.listen(path, () => {
        // Node removes the name when the server closes, and so keeps it open until the test process
        // ends.
        server.unref()
        chmodSync(path, 0o777)
        lchownSync(path, MALLORY, MALLORY)
        resolve()
      })
    }),
}

/**
 * Devices that no user but root can make, but a careless administrator, or a container, may have.
 */
export function plantDevice(path) {
  return spawnSync('mknod', ['-m', '666', path, 'c', '1', '5']).status === 0
}

function file(path, content, mode = 0o644) {
  writeFileSync(path, content, { flag: 'wx' })
  chownSync(path, MALLORY, MALLORY)
  chmodSync(path, mode)
}

function link(target, path) {
  symlinkSync(target, path)
  lchownSync(path, MALLORY, MALLORY)
}

const json = () =>
  JSON.stringify({
    source: '0'.repeat(64),
    validator: { ETag: '"1"' },
    total: 10,
    pid: process.pid,
    startTime: Date.now(),
    url: 'http://mallory.test/',
  })

/** A directory for all, and one of the victim with a file that must stay what it is. */
export function stage(t, victim, mode = 0o1777) {
  const root = temporaryDirectory(t)
  chmodSync(root, 0o755)
  const shared = join(root, 'shared')
  mkdirSync(shared)
  chmodSync(shared, mode)
  const directory = join(root, 'vault')
  mkdirSync(directory, { mode: 0o700 })
  const secret = join(directory, 'secret')
  writeFileSync(secret, 'the secret of the victim', { mode: 0o600 })
  for (const path of [directory, secret]) chownSync(path, victim, victim)
  return { shared, vault: { directory, file: secret } }
}

/**
 * Everything about the files of the victim that an attack could change, but their number of names.
 */
export function fingerprint({ directory }) {
  const entries = readdirSync(directory, { recursive: true }).sort()
  return ['.', ...entries].map((name) => {
    const path = join(directory, name)
    const { uid, gid, mode, size, mtimeMs, ino } = lstatSync(path)
    const content = lstatSync(path).isFile() ? sha256(readFileSync(path)) : ''
    return { name, uid, gid, mode, size, mtimeMs, ino, content }
  })
}

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** Runs a test under the kernel's own protections, all off or all at their strictest. */
export function withProtections(level, work) {
  const names = ['symlinks', 'hardlinks', 'fifos', 'regular']
  const paths = names.map((name) => `/proc/sys/fs/protected_${name}`)
  const before = paths.map((path) => readFileSync(path, 'utf8').trim())
  const set = (values) => {
    for (const [index, path] of paths.entries()) writeFileSync(path, values[index])
  }
  const strictest = ['1', '1', '2', '2']
  try {
    set(level === 'off' ? ['0', '0', '0', '0'] : strictest)
  } catch {
    // Read-only here: then those of the machine must do.
    return work()
  }
  return Promise.resolve(work()).finally(() => set(before))
}
