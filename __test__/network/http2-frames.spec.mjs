// Single frames of HTTP/2: which requests a server has not processed, and where a body ends.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:http2'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  downloadWithLock,
  HttpClient,
  httpDownload,
  httpGetText,
  httpRequest,
} from '@socketsecurity/registry'
import { frames, startFramesOrigin } from '../helpers/origins/frames-origin.mjs'
import { cert } from '../helpers/origins/localhost-certificate.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const options = { ca: cert }
const whole = ({ stream }) => [frames.head(stream), frames.end(stream, 'ok')]

describe('a request after the last one that GOAWAY names is sent again', () => {
  for (const code of ['NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'ENHANCE_YOUR_CALM']) {
    for (const method of ['GET', 'POST']) {
      test(`${method}, with ${code}`, async (t) => {
        const origin = await startFramesOrigin(t, (request) => {
          if (request.index !== 1) return whole(request)
          return [frames.goaway(request.stream - 2, constants[`NGHTTP2_${code}`])]
        })
        await httpGetText(origin.url, options)
        const { body } = await httpRequest(origin.url, { ...options, method })
        assert.equal(body.toString(), 'ok')
        assert.deepEqual([origin.requests, origin.connections], [3, 2])
      })
    }
  }

  test('and one that it includes is not, if it is a POST', async (t) => {
    const origin = await startFramesOrigin(t, ({ stream, socket }) => {
      setTimeout(() => socket.end(), 50)
      return [frames.goaway(stream, constants.NGHTTP2_INTERNAL_ERROR)]
    })
    const error = await rejection(httpRequest(origin.url, { ...options, method: 'POST' }))
    assert.match(error.code, /^(ECONNRESET|EPIPE)$/)
    assert.equal(origin.requests, 1)
  })
})

test('a request that one connection refuses again and again is sent on another one', async (t) => {
  const origin = await startFramesOrigin(t, (request) => {
    if (request.connection > 0) return whole(request)
    return [frames.reset(request.stream, constants.NGHTTP2_REFUSED_STREAM)]
  })
  assert.equal(await httpGetText(origin.url, options), 'ok')
  assert.equal(origin.connections, 2)
})

describe('a body without a length whose stream ends by RST_STREAM with NO_ERROR', () => {
  const half = ({ stream, socket }) => {
    setTimeout(() => socket.write(frames.reset(stream, constants.NGHTTP2_NO_ERROR)), 50)
    return [frames.head(stream), frames.data(stream, 'half')]
  }

  for (const download of [httpDownload, downloadWithLock]) {
    test(`is refused by ${download.name}, for it may be truncated`, async (t) => {
      const origin = await startFramesOrigin(t, half)
      const file = join(temporaryDirectory(t), 'file')
      const error = await rejection(download(origin.url, file, options))
      assert.equal(error.code, 'ERR_BODY_LENGTH')
      assert.ok(!existsSync(file))
    })
  }

  test('is compared by a download with a digest', async (t) => {
    const origin = await startFramesOrigin(t, half)
    const file = join(temporaryDirectory(t), 'file')
    const sha256 = createHash('sha256').update('half').digest('hex')
    await httpDownload(origin.url, file, { ...options, sha256 })
    assert.equal(readFileSync(file, 'utf8'), 'half')
  })

  test('is taken as complete by a request, as by Node.js', async (t) => {
    const origin = await startFramesOrigin(t, half)
    assert.equal(await httpGetText(origin.url, options), 'half')
  })

  test('is not cached', async (t) => {
    for (const [respond, requests] of [
      [half, 2],
      [whole, 1],
    ]) {
      const origin = await startFramesOrigin(t, respond)
      const client = new HttpClient({ baseUrl: origin.url, cache: 'memory', ...options })
      for (let count = 0; count < 2; count += 1) await client.getText('/')
      assert.equal(origin.requests, requests)
    }
  })

  test('is complete if END_STREAM came before', async (t) => {
    const origin = await startFramesOrigin(t, (request) => [
      ...whole(request),
      frames.reset(request.stream, constants.NGHTTP2_NO_ERROR),
    ])
    const file = join(temporaryDirectory(t), 'file')
    await httpDownload(origin.url, file, options)
    assert.equal(readFileSync(file, 'utf8'), 'ok')
  })

  test('is an error for any other reason', async (t) => {
    const origin = await startFramesOrigin(t, ({ stream, socket }) => {
      setTimeout(() => socket.write(frames.reset(stream, constants.NGHTTP2_CANCEL)), 50)
      return [frames.head(stream), frames.data(stream, 'half')]
    })
    assert.equal((await rejection(httpGetText(origin.url, options))).code, 'ECONNRESET')
  })
})
