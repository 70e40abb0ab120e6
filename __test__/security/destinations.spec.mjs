// Destinations may name a regular file, or a path at which there is nothing.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { downloadWithLock, httpDownload } from '@socketsecurity/registry'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { plantDevice } from '../helpers/plants.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const windows = process.platform === 'win32'
const functions = { httpDownload, downloadWithLock }

for (const [how, download] of Object.entries(functions)) {
  describe(`${how} to a path that names a directory is EISDIR before any request`, () => {
    for (const [what, pathIn] of [
      ['a directory', (directory) => join(directory, 'there')],
      ['a directory and a slash', (directory) => `${join(directory, 'there')}/`],
      ['nothing yet and a slash', (directory) => `${join(directory, 'new')}/`],
      ['nothing yet and two slashes', (directory) => `${join(directory, 'new')}//`],
      ['a dot below', (directory) => `${directory}/new/.`],
      ['two dots below', (directory) => `${directory}/new/..`],
      ['a link to a directory', (directory) => join(directory, 'link')],
      ['the root', () => '/'],
      ['this directory', () => '.'],
      ['the one above', () => '..'],
    ]) {
      test(what, async (t) => {
        const origin = await startOrigin(t, { body: 'x' })
        const directory = temporaryDirectory(t)
        mkdirSync(join(directory, 'there'))
        symlinkSync('there', join(directory, 'link'), 'junction')
        const error = await rejection(download(origin.url, pathIn(directory), { retries: 2 }))
        assert.equal(error.code, 'EISDIR', error.message)
        assert.equal(typeof error.path, 'string')
        assert.equal(origin.requests.length, 0)
        assert.deepEqual(readdirSync(directory).sort(), ['link', 'there'])
        assert.ok(lstatSync(join(directory, 'link')).isSymbolicLink())
      })
    }
  })

  describe(`${how} never replaces what is no regular file`, { skip: windows }, () => {
    for (const [what, make] of [
      ['a FIFO', (path) => execFileSync('mkfifo', [path])],
      ['a socket', (path, t) => listen(path, t)],
      ['a device', (path, t) => plantDevice(path) || t.skip('devices cannot be made here')],
    ]) {
      for (const behindLink of [false, true]) {
        test(behindLink ? `${what} behind a link` : what, async (t) => {
          const origin = await startOrigin(t, { body: 'x' })
          const directory = temporaryDirectory(t)
          const path = join(directory, 'special')
          await make(path, t)
          if (!existsSync(path)) return
          const destination = behindLink ? join(directory, 'link') : path
          if (behindLink) symlinkSync('special', destination)
          const before = lstatSync(destination)
          const error = await rejection(download(origin.url, destination))
          assert.match(error.message, new RegExp(`is ${what}`))
          assert.ok(error.message.includes(destination), error.message)
          assert.equal(origin.requests.length, 0)
          const after = lstatSync(destination)
          assert.deepEqual([after.ino, after.mode], [before.ino, before.mode])
        })
      }
    }
  })

  test(`${how} replaces a link and leaves what it led to`, { skip: windows }, async (t) => {
    const origin = await startOrigin(t, { body: 'of the server' })
    const directory = temporaryDirectory(t)
    for (const [name, target] of [
      ['to-file', 'empty'],
      ['to-nowhere', 'nowhere'],
      ['to-itself', 'to-itself'],
    ]) {
      writeFileSync(join(directory, 'empty'), '')
      symlinkSync(target, join(directory, name))
      await download(origin.url, join(directory, name))
      assert.ok(lstatSync(join(directory, name)).isFile(), name)
      assert.equal(lstatSync(join(directory, 'empty')).size, 0)
      assert.ok(!existsSync(join(directory, 'nowhere')))
    }
  })
}

for (const [how, download] of Object.entries(functions)) {
  describe(`${how} to a file: URL`, () => {
    test('is to its path', async (t) => {
      const origin = await startOrigin(t, { body: 'x' })
      const path = join(temporaryDirectory(t), 'new', 'ü ☃#%.txt')
      const result = await download(origin.url, pathToFileURL(path))
      assert.equal(result.path, path)
      assert.ok(lstatSync(path).isFile())
    })

    test('of a directory is EISDIR before any request', async (t) => {
      const origin = await startOrigin(t, { body: 'x' })
      const url = pathToFileURL(`${temporaryDirectory(t)}/`)
      assert.equal((await rejection(download(origin.url, url))).code, 'EISDIR')
      assert.equal(origin.requests.length, 0)
    })

    for (const url of [
      'https://user:secret@localhost/x',
      'data:text/plain,x',
      'file:///a%2Fb',
      'file:///a%00b',
      ...(windows ? [] : ['file://server/x']),
    ]) {
      test(`refuses ${url}`, async (t) => {
        const origin = await startOrigin(t, { body: 'x' })
        const error = await rejection(download(origin.url, new URL(url)))
        assert.ok(error instanceof TypeError)
        assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
        assert.match(error.message, /destPath/)
        assert.doesNotMatch(error.message, /secret/)
        assert.equal(origin.connections, 0)
      })
    }
  })
}

test('a string that looks like a file: URL is a path, as in node:fs', {
  skip: windows,
}, async (t) => {
  const origin = await startOrigin(t, { body: 'x' })
  const directory = temporaryDirectory(t)
  await httpDownload(origin.url, `${directory}/file:/x`)
  assert.ok(lstatSync(join(directory, 'file:', 'x')).isFile())
})

function listen(path, t) {
  return new Promise((resolve) => {
    const server = createServer().listen(path, resolve)
    t.after(() => server.close())
  })
}
