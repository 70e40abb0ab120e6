// Redirects of downloads: followed, limited, refused. Of requests: ../requests/redirect.spec.mjs.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { redirectTo, startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

describe('a download and redirects', () => {
  test('fails at one when they are not to be followed', async (t) => {
    const origin = await startOrigin(t, redirectTo('/end'))
    const directory = temporaryDirectory(t)
    const options = { followRedirects: false }
    const error = await rejection(httpDownload(origin.url, join(directory, 'file'), options))
    assert.equal(error.message, 'Download failed: HTTP 302 Found')
    assert.equal(origin.requests.length, 1)
    assert.deepEqual(readdirSync(directory), [])
  })

  test('follows at most maxRedirects', async (t) => {
    const script = [redirectTo('/1'), redirectTo('/2'), { body: 'end' }]
    const origin = await startOrigin(t, script)
    const destination = join(temporaryDirectory(t), 'file')
    await httpDownload(origin.url, destination, { maxRedirects: 2 })
    assert.equal(readFileSync(destination, 'utf8'), 'end')
  })

  test('fails at one more', async (t) => {
    const origin = await startOrigin(t, redirectTo('/again'))
    const directory = temporaryDirectory(t)
    const options = { maxRedirects: 2 }
    const error = await rejection(httpDownload(origin.url, join(directory, 'file'), options))
    assert.match(error.message, /Too many redirects/)
    assert.equal(origin.requests.length, 3)
    assert.deepEqual(readdirSync(directory), [])
  })
})
