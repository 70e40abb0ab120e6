// Mirrors that the environment names: SOCKET_DOWNLOAD_MIRRORS and SOCKET_DOWNLOAD_MIRRORS_ONLY.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { redirectTo, startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const place = (t) => join(temporaryDirectory(t), 'file')

afterEach(() => {
  delete process.env.SOCKET_DOWNLOAD_MIRRORS
  delete process.env.SOCKET_DOWNLOAD_MIRRORS_ONLY
})

/** An origin and a cache in front of it, and the rule that says so. */
async function setUp(t, { origin = { body: 'origin' }, cache = { body: 'cache' } } = {}) {
  const [own, other] = [await startOrigin(t, origin), await startOrigin(t, cache)]
  process.env.SOCKET_DOWNLOAD_MIRRORS = `${own.url}/=${other.url}/own/`
  return { own, other }
}

const asked = ({ requests }) => requests.map(({ path }) => path)

test('a URL is requested from its replacement first', async (t) => {
  const { own, other } = await setUp(t)
  const destination = place(t)
  const result = await httpDownload(`${own.url}/a/b?c=d`, destination)
  assert.equal(readFileSync(destination, 'utf8'), 'cache')
  assert.equal(result.source, `${other.url}/own/a/b?c=d`)
  assert.deepEqual([asked(own), asked(other)], [[], ['/own/a/b?c=d']])
})

test('the URL itself is next, and then the mirrors of the call', async (t) => {
  const gone = { status: 404 }
  const { own, other } = await setUp(t, { origin: gone, cache: gone })
  const last = await startOrigin(t, { body: 'last' })
  const mirrors = [`${last.url}/file`]
  const result = await httpDownload(`${own.url}/file`, place(t), { mirrors })
  assert.equal(result.source, `${last.url}/file`)
  assert.deepEqual([asked(other), asked(own)], [['/own/file'], ['/file']])
})

test('with ONLY it is requested from nowhere else', async (t) => {
  const { own, other } = await setUp(t, { cache: { status: 404 } })
  process.env.SOCKET_DOWNLOAD_MIRRORS_ONLY = '1'
  const last = await startOrigin(t, { body: 'last' })
  const mirrors = [`${last.url}/file`]
  const error = await rejection(httpDownload(`${own.url}/file`, place(t), { mirrors }))
  assert.equal(error.code, 'ERR_HTTP_STATUS')
  assert.equal(error.url, `${other.url}/own/file`)
  assert.deepEqual([asked(own), asked(last)], [[], []])
})

test('URLs without a rule are requested as usual, even with ONLY', async (t) => {
  await setUp(t)
  process.env.SOCKET_DOWNLOAD_MIRRORS_ONLY = '1'
  const else_ = await startOrigin(t, { body: 'elsewhere' })
  const result = await httpDownload(`${else_.url}/file`, place(t))
  assert.equal(result.source, `${else_.url}/file`)
})

test('redirects of a replacement are followed', async (t) => {
  const { own, other } = await setUp(t)
  process.env.SOCKET_DOWNLOAD_MIRRORS_ONLY = '1'
  const cache = await startOrigin(t, redirectTo(`${own.url}/elsewhere`))
  process.env.SOCKET_DOWNLOAD_MIRRORS = `${own.url}/=${cache.url}/`
  const destination = place(t)
  await httpDownload(`${own.url}/file`, destination)
  assert.equal(readFileSync(destination, 'utf8'), 'origin')
  assert.deepEqual([asked(cache), asked(other)], [['/file'], []])
})

test('a replacement receives its own credentials, and none of the call', async (t) => {
  const { own, other } = await setUp(t)
  const { port } = other
  process.env.SOCKET_DOWNLOAD_MIRRORS = `${own.url}/=http://cache:secret@127.0.0.1:${port}/`
  const headers = { authorization: 'Bearer hunter2', 'x-api-key': 'hunter2' }
  const result = await httpDownload(`${own.url}/file`, place(t), { headers })
  const [sent] = other.requests
  assert.equal(sent.headers.authorization, `Basic ${btoa('cache:secret')}`)
  assert.equal(sent.headers['x-api-key'], undefined)
  assert.equal(result.source, `${other.url}/file`)
})

test('the lock file names the URL of the call', async (t) => {
  let lock
  const destination = place(t)
  const { own } = await setUp(t, {
    cache: () => {
      const name = `${destination.replace(/[^A-Za-z0-9_.-]/g, '_')}.lock`
      lock = JSON.parse(readFileSync(join(destination, '..', '.locks', name), 'utf8'))
      return { body: 'cache' }
    },
  })
  await downloadWithLock(`${own.url}/file`, destination)
  assert.equal(lock.url, `${own.url}/file`)
})

test('the variables are read at each call, and a worker has its own', async (t) => {
  const { own, other } = await setUp(t)
  await httpDownload(`${own.url}/1`, place(t))
  process.env.SOCKET_DOWNLOAD_MIRRORS = ''
  await httpDownload(`${own.url}/2`, place(t))
  const program = `
    const { workerData } = require('node:worker_threads')
    const { httpDownload } = require('@socketsecurity/registry')
    httpDownload(workerData.url, workerData.destination)
  `
  const worker = new Worker(program, {
    eval: true,
    env: { ...process.env, SOCKET_DOWNLOAD_MIRRORS: `${own.url}/=${other.url}/worker/` },
    workerData: { url: `${own.url}/3`, destination: place(t) },
  })
  await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
  assert.deepEqual([asked(own), asked(other)], [['/2'], ['/own/1', '/worker/3']])
})

describe('an invalid rule', () => {
  for (const [rule, quoted] of [
    ['nonsense', '"nonsense"'],
    ['http://a.test/', '"http://a.test/"'],
    ['http://a.test/=ftp://b.test/', '"http://a.test/=ftp://b.test/"'],
    ['a.test=http://user:hunter2@b.test/?token=hunter2', '"a.test=http://b.test/?token=REDACTED"'],
  ]) {
    test(`rejects every download, with a message that quotes it: ${quoted}`, async (t) => {
      const { own } = await setUp(t)
      process.env.SOCKET_DOWNLOAD_MIRRORS += ` \n${rule}`
      const there = place(t)
      writeFileSync(there, 'there')
      for (const call of [
        httpDownload(`${own.url}/file`, place(t)),
        httpDownload(`${own.url}/file`, place(t), { mirrors: ['http://c.test/'] }),
        downloadWithLock(`${own.url}/file`, there),
      ]) {
        const error = await rejection(call)
        assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
        assert.match(error.message, /^SOCKET_DOWNLOAD_MIRRORS has an invalid rule: /)
        assert.ok(error.message.includes(quoted), error.message)
        assert.doesNotMatch(error.message, /hunter2/)
      }
      assert.deepEqual(asked(own), [])
    })
  }

  test('ONLY with another value rejects every download', async (t) => {
    const { own } = await setUp(t)
    process.env.SOCKET_DOWNLOAD_MIRRORS_ONLY = 'yes'
    const error = await rejection(httpDownload(`${own.url}/file`, place(t)))
    assert.match(error.message, /^SOCKET_DOWNLOAD_MIRRORS_ONLY must be 1 or 0\. It is "yes"/)
  })
})
