// Disks that are full, read-only or in use: prompt errors with Node's codes, nothing left behind.

import assert from 'node:assert/strict'
import { execFile, spawn, spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { rejection, temporaryDirectory } from './support.mjs'

async function serve(t, body) {
  let requests = 0
  const server = createServer((_, response) => {
    requests += 1
    response.writeHead(200, { 'Content-Length': body.length, ETag: '"v1"' }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    get requests() {
      return requests
    },
  }
}

/** A new directory with something mounted over it; the test is skipped where that is not allowed. */
function mounted(t, ...options) {
  const directory = mkdtempSync(join(tmpdir(), 'registry-mount-'))
  const { status } = spawnSync('mount', [...options, directory])
  t.after(() => {
    if (status === 0) spawnSync('umount', [directory])
    rmdirSync(directory)
  })
  if (status === 0) return directory
  t.skip('mounting is not allowed here')
}

const filesOf = (directory) =>
  readdirSync(directory, { recursive: true }).filter((name) =>
    statSync(join(directory, name)).isFile(),
  )

for (const download of [httpDownload, downloadWithLock]) {
  describe(download.name, () => {
    test('gives up at once when the disk is full, and leaves it as it was', async (t) => {
      const directory = mounted(t, '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs')
      if (!directory) return
      const origin = await serve(t, Buffer.alloc(4 << 20, 'x'))
      const file = join(directory, 'file')
      const error = await rejection(download(origin.url, file, { retries: 3, retryDelay: 1 }))
      assert.equal(error.code, 'ENOSPC')
      assert.match(error.message, /^Failed to write file: /)
      assert.equal(error.retryable, false)
      assert.equal(origin.requests, 1)
      assert.deepEqual(filesOf(directory), [])
    })

    test('says which directory is read-only, and returns what is there without writing', async (t) => {
      const source = temporaryDirectory(t)
      writeFileSync(join(source, 'there'), 'content')
      const directory = mounted(t, '--bind', source)
      if (!directory) return
      if (spawnSync('mount', ['-o', 'remount,ro,bind', directory]).status !== 0) {
        return t.skip('read-only mounts are not allowed here')
      }
      const origin = await serve(t, Buffer.from('x'))
      const error = await rejection(download(origin.url, join(directory, 'missing')))
      assert.equal(error.code, 'EROFS')
      assert.ok(error.message.includes(directory), error.message)
      if (download === downloadWithLock) {
        assert.equal((await download(origin.url, join(directory, 'there'))).size, 7)
      }
      assert.equal(origin.requests, 0)
    })

    test('has an error for a name that is too long, a directory, and a file as directory', async (t) => {
      const directory = temporaryDirectory(t)
      writeFileSync(join(directory, 'plain'), 'x')
      mkdirSync(join(directory, 'directory'))
      const origin = await serve(t, Buffer.from('x'))
      const code = async (name) =>
        (await rejection(download(origin.url, join(directory, name)))).code
      assert.equal(await code('n'.repeat(256)), 'ENAMETOOLONG')
      assert.equal(await code('directory'), 'EISDIR')
      assert.equal(await code('plain/file'), 'ENOTDIR')
    })

    test('comes to an end when its directory is removed midway', async (t) => {
      const directory = join(temporaryDirectory(t), 'gone')
      const server = createServer((_, response) => {
        response.writeHead(200, { 'Content-Length': 2 })
        response.write('x', () => {
          setTimeout(() => {
            rmSync(directory, { recursive: true, force: true })
            response.end('y')
          }, 50)
        })
      }).listen(0, '127.0.0.1')
      await new Promise((listening) => server.once('listening', listening))
      t.after(() => server.close())
      const url = `http://127.0.0.1:${server.address().port}/`
      const error = await rejection(download(url, join(directory, 'file')))
      assert.equal(error.code, 'ENOENT')
    })
  })
}

test('a program can be run the moment it is there, beside processes that fork all the time', async (t) => {
  const rounds = process.env.LONG_TESTS ? 1000 : 60
  const program = readFileSync('/bin/true')
  const { url } = await serve(t, program)
  const directory = temporaryDirectory(t)
  let forking = true
  const fork = async () => {
    while (forking) await new Promise((ended) => spawn('/bin/true').on('close', ended))
  }
  const forks = Array.from({ length: 8 }, fork)
  try {
    for (let round = 0; round < rounds; round += 1) {
      const file = join(directory, `program-${round}`)
      await httpDownload(url, file, { mode: 0o755 })
      await promisify(execFile)(file)
      unlinkSync(file)
    }
  } finally {
    forking = false
    await Promise.all(forks)
  }
})
