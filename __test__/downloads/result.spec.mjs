// The properties of the result of a download.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { redirectTo, startOrigin } from '../helpers/origins/http-origin.mjs'
import { temporaryDirectory } from '../helpers/support.mjs'

describe('the result of a download', () => {
  test('has path, size, status, headers and digests', async (t) => {
    const body = randomBytes(10_000)
    const origin = await startOrigin(t, { headers: { 'X-Field': 'yes' }, body })
    const destination = join(temporaryDirectory(t), 'file')
    const result = await httpDownload(origin.url, destination)
    assert.equal(result.path, destination)
    assert.equal(result.size, 10_000)
    assert.equal(result.ok, true)
    assert.equal(result.status, 200)
    assert.equal(result.statusText, 'OK')
    assert.equal(result.headers['x-field'], 'yes')
    assert.equal(result.headers['content-length'], '10000')
    assert.equal(result.attempts, 1)
    assert.equal(result.sha256, createHash('sha256').update(body).digest('hex'))
    const sha512 = createHash('sha512').update(body).digest('base64')
    assert.equal(result.integrity, `sha512-${sha512}`)
  })

  test('counts the attempts', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, { status: 500 }, { body: 'whole' }])
    const destination = join(temporaryDirectory(t), 'file')
    const result = await httpDownload(origin.url, destination, { retries: 3, retryDelay: 1 })
    assert.equal(result.attempts, 3)
    assert.equal(result.status, 200)
  })

  test('has the response behind a redirect', async (t) => {
    const end = { status: 200, headers: { 'X-End': 'yes' }, body: 'end' }
    const origin = await startOrigin(t, [redirectTo('/end'), end])
    const destination = join(temporaryDirectory(t), 'file')
    const result = await httpDownload(origin.url, destination)
    assert.equal(result.status, 200)
    assert.equal(result.headers['x-end'], 'yes')
  })

  test('has the URL of its bytes; for an existing file it is undefined', async (t) => {
    const origin = await startOrigin(t, { body: 'whole' })
    const destination = join(temporaryDirectory(t), 'file')
    const first = await downloadWithLock(`${origin.url}/a`, destination)
    assert.equal(first.source, `${origin.url}/a`)
    const second = await downloadWithLock(`${origin.url}/a`, destination)
    assert.equal(second.source, undefined)
  })
})
