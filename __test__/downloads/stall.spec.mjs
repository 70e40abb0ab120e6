// Downloads whose server stops sending: `idleTimeout` ends the attempt, a retry resumes.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { honest, rangeStart, representation } from '../helpers/origins/resume-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

describe('a download that stalls', () => {
  test('is resumed, within the retries', async (t) => {
    const file = representation(200_000, { ETag: '"one"' })
    const respond = honest(file)
    const origin = await startOrigin(t, (request, response, index) => {
      if (index > 0) return respond(request)
      response.writeHead(200, { 'Content-Length': 200_000, ETag: '"one"' })
      response.write(file.body.subarray(0, 100_000))
      return undefined
    })
    const destination = join(temporaryDirectory(t), 'file')
    const options = { idleTimeout: 2000, retries: 2, retryDelay: 1 }
    const result = await httpDownload(origin.url, destination, options)
    assert.ok(readFileSync(destination).equals(file.body))
    assert.equal(result.size, 200_000)
    assert.equal(result.attempts, 2)
    assert.equal(origin.requests.length, 2)
    const [, second] = origin.requests
    assert.ok(rangeStart(second) > 0, `the Range is ${second.headers.range}`)
    assert.equal(second.headers['if-range'], '"one"')
    assert.equal(result.resumedFrom, rangeStart(second))
  })

  test('leaves no destination when the retries are used up', async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { 'Content-Length': 200_000, ETag: '"one"' })
      response.write('the first bytes')
    })
    const destination = join(temporaryDirectory(t), 'file')
    const options = { idleTimeout: 300, retries: 1, retryDelay: 1 }
    const error = await rejection(httpDownload(origin.url, destination, options))
    assert.equal(error.code, 'ERR_TIMEOUT')
    assert.equal(origin.requests.length, 2)
    assert.ok(!existsSync(destination))
  })
})
