// Credentials go to the origin of the URL, and to no other source of a download.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { HttpClient } from '@socketsecurity/registry/lib/http-client'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { cert } from '../helpers/origins/localhost-certificate.mjs'
import { brokenOff, representation } from '../helpers/origins/resume-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const at = (origin) => `${origin.url}/file`
const place = (t) => join(temporaryDirectory(t), 'file')

const SECRETS = {
  authorization: 'Bearer hunter2',
  cookie: 'session=hunter2',
  'proxy-authorization': 'Basic hunter2',
  'x-api-key': 'hunter2',
  'x-access-token': 'hunter2',
  'npm-otp': 'hunter2',
}

/** No field of these requests holds the secret. */
function assertClean(origin) {
  assert.ok(origin.requests.length > 0, 'it was not asked')
  for (const { headers } of origin.requests) {
    assert.ok(!JSON.stringify(headers).includes('hunter2'), inspect(headers))
  }
}

test('no other origin is sent a credential of the call, and other fields are sent', async (t) => {
  const first = await startOrigin(t, { status: 404 })
  const second = await startOrigin(t, { status: 503 })
  const third = await startOrigin(t, { body: 'file' })
  await httpDownload(at(first), place(t), {
    headers: { ...SECRETS, host: 'registry.test', 'x-plain': 'yes', accept: 'a/b' },
    mirrors: [at(second), at(third)],
    retries: 1,
    retryDelay: 1,
  })
  for (const [name, value] of Object.entries(SECRETS)) {
    assert.equal(first.requests[0].headers[name], value)
  }
  for (const mirror of [second, third]) {
    assertClean(mirror)
    const { headers } = mirror.requests[0]
    assert.deepEqual([headers['x-plain'], headers.accept], ['yes', 'a/b'])
    assert.equal(headers.host, `127.0.0.1:${mirror.port}`)
  }
})

test('a mirror with the origin of the URL is sent what the URL is', async (t) => {
  const first = await startOrigin(t, [{ status: 404 }, { body: 'file' }])
  const url = `http://user:hunter2@127.0.0.1:${first.port}/file`
  await httpDownload(url, place(t), { headers: { cookie: 'a=b' }, mirrors: [`${first.url}/other`] })
  const [one, other] = first.requests
  assert.equal(one.headers.authorization, `Basic ${btoa('user:hunter2')}`)
  assert.deepEqual(
    [other.path, other.headers.authorization, other.headers.cookie],
    ['/other', one.headers.authorization, 'a=b'],
  )
})

test('a mirror without TLS is sent no credential of a URL with it', async (t) => {
  const first = await startOrigin(t, { status: 404 }, { secure: true })
  const mirror = await startOrigin(t, { body: 'file' })
  const options = { headers: SECRETS, ca: cert, mirrors: [at(mirror)] }
  const result = await httpDownload(at(first), place(t), options)
  assert.equal(result.source, at(mirror))
  assert.equal(first.requests[0].headers['x-api-key'], 'hunter2')
  assertClean(mirror)
})

test('credentials in the URL of a mirror are sent to that mirror', async (t) => {
  const first = await startOrigin(t, { status: 404 })
  const mirror = await startOrigin(t, { status: 404 })
  const last = await startOrigin(t, { body: 'file' })
  const own = `http://own:secret@127.0.0.1:${mirror.port}/file`
  const options = { headers: SECRETS, mirrors: [own, at(last)] }
  await httpDownload(at(first), place(t), options)
  assert.equal(mirror.requests[0].headers.authorization, `Basic ${btoa('own:secret')}`)
  assert.equal(mirror.requests[0].headers['x-api-key'], undefined)
  assert.equal(last.requests[0].headers.authorization, undefined)
})

describe('secrets in URLs are shown nowhere', () => {
  test('when all sources fail', async (t) => {
    const first = await startOrigin(t, { status: 404 })
    const url = ({ port }) => `http://user:hunter2@127.0.0.1:${port}/file?token=hunter2#hunter2`
    const mirror = await startOrigin(t, { status: 403 })
    const error = await rejection(
      httpDownload(url(first), place(t), { mirrors: [url(mirror), 'http://u:hunter2@[::1]:1/'] }),
    )
    const shown = inspect(error, { depth: 9, showHidden: true })
    assert.match(shown, /All 3 sources failed/)
    assert.doesNotMatch(shown, /hunter2/)
  })

  test('when a digest differs', async (t) => {
    const first = await startOrigin(t, { body: 'file' })
    const mirror = await startOrigin(t, { body: 'file' })
    const url = ({ port }) => `http://user:hunter2@127.0.0.1:${port}/file?token=hunter2`
    const options = { mirrors: [url(mirror)], sha256: '0'.repeat(64) }
    const error = await rejection(httpDownload(url(first), place(t), options))
    const shown = inspect(error, { depth: 9, showHidden: true })
    assert.match(shown, /Checksum verification failed/)
    assert.doesNotMatch(shown, /hunter2/)
  })

  test('in the record of a part, nor in its name', async (t) => {
    const file = representation(10_000, { ETag: '"v1"' })
    const first = await startOrigin(t, { status: 404 })
    const mirror = await startOrigin(t, brokenOff(file, 5_000))
    const directory = temporaryDirectory(t)
    const secret = `http://user:hunter2@127.0.0.1:${mirror.port}/file?token=hunter2`
    await rejection(httpDownload(at(first), join(directory, 'file'), { mirrors: [secret] }))
    const left = readdirSync(directory)
    assert.deepEqual(left.sort(), ['file.part', 'file.part.json'])
    assert.doesNotMatch(readFileSync(join(directory, 'file.part.json'), 'utf8'), /hunter2/)
  })
})

describe('of an HttpClient', () => {
  const headers = SECRETS

  test('credentials are sent to the origin of its base alone', async (t) => {
    const first = await startOrigin(t, { status: 404 })
    const mirror = await startOrigin(t, { body: 'file' })
    const client = new HttpClient({ baseUrl: first.url, headers, retries: 0 })
    for (const download of ['download', 'downloadWithLock']) {
      const result = await client[download]('/file', place(t), { mirrors: [at(mirror)] })
      assert.equal(result.source, at(mirror))
    }
    for (const request of first.requests) {
      assert.equal(request.headers['x-api-key'], 'hunter2')
    }
    assert.equal(mirror.requests.length, 2)
    assertClean(mirror)
  })

  test('a mirror with the origin of the base gets none when the URL has another', async (t) => {
    const base = await startOrigin(t, { body: 'file' })
    const first = await startOrigin(t, { status: 404 })
    const client = new HttpClient({ baseUrl: base.url, headers, retries: 0 })
    await client.download(at(first), place(t), { mirrors: [at(base)] })
    assertClean(first)
    assertClean(base)
  })

  test('user and password of the base are sent to no mirror', async (t) => {
    const first = await startOrigin(t, { status: 404 })
    const mirror = await startOrigin(t, { body: 'file' })
    const baseUrl = `http://user:hunter2@127.0.0.1:${first.port}/`
    await new HttpClient({ baseUrl }).download('file', place(t), { mirrors: [at(mirror)] })
    assert.equal(first.requests[0].headers.authorization, `Basic ${btoa('user:hunter2')}`)
    assert.equal(mirror.requests[0].headers.authorization, undefined)
  })
})
