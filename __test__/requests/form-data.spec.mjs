// Uploads by form-data, the package that callers use: a stream of the old kind, with fields of its
// own.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, writeFileSync } from 'node:fs'
import { createServer, get } from 'node:http'
import { join } from 'node:path'
import { PassThrough, Stream } from 'node:stream'
import { describe, test } from 'node:test'
import { httpJson, httpRequest } from '@socketsecurity/registry'
import FormData from 'form-data'
import { startFlowOrigin } from '../helpers/origins/flow-origin.mjs'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { listen } from '../helpers/origins/listen.mjs'
import { rejection, temporaryDirectory, until } from '../helpers/support.mjs'

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** A server that responds with what it was sent: the parts of a multipart body, by name. */
async function startUploads(t) {
  const server = createServer((request, response) => {
    // An upload that breaks off is what a test may want.
    respond(request, response).catch(() => response.destroy())
  })
  async function respond(request, response) {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const parsed = await new Response(body, { headers: request.headers }).formData()
    const parts = {}
    for (const [name, value] of parsed) {
      const isFile = typeof value !== 'string'
      parts[name] = isFile ? sha256(Buffer.from(await value.arrayBuffer())) : value
    }
    response.end(JSON.stringify({ parts, headers: request.headers }))
  }
  const port = await listen(t, server)
  return `http://127.0.0.1:${port}`
}

test('fields and files arrive whole, under the boundary of the form', async (t) => {
  const url = await startUploads(t)
  const content = randomBytes(3 << 20)
  const path = join(temporaryDirectory(t), 'package-lock.json')
  writeFileSync(path, content)
  const form = new FormData()
  form.append('organization', 'socket')
  form.append('manifest', createReadStream(path))
  form.append('buffer', Buffer.from('x'), { filename: 'x.txt' })
  const headers = { authorization: 'Basic x' }
  const { parts, headers: seen } = await httpJson(url, { method: 'POST', body: form, headers })
  assert.deepEqual(parts, {
    organization: 'socket',
    manifest: sha256(content),
    buffer: sha256(Buffer.from('x')),
  })
  assert.equal(seen['content-type'], form.getHeaders()['content-type'])
  assert.equal(seen['transfer-encoding'], 'chunked')
  assert.equal(seen.authorization, 'Basic x')
})

test('a length that the form knows is sent', async (t) => {
  const url = await startUploads(t)
  const form = new FormData()
  form.append('a', 'b')
  const headers = { 'Content-Length': `${form.getLengthSync()}` }
  const response = await httpRequest(url, { method: 'POST', body: form, headers })
  const { parts, headers: seen } = response.json()
  assert.deepEqual(parts, { a: 'b' })
  assert.equal(seen['content-length'], headers['Content-Length'])
})

test('a file that is not there rejects the upload', async (t) => {
  const url = await startUploads(t)
  const form = new FormData()
  form.append('file', createReadStream(join(temporaryDirectory(t), 'none')))
  const error = await rejection(httpRequest(url, { method: 'POST', body: form, timeout: 5000 }))
  assert.equal(error.code, 'ENOENT')
})

// Such a stream writes everything within `pipe`, and ends there, if no part of it is a stream.
describe('a form', () => {
  const content = randomBytes(100_000)

  /** A file of `content`. */
  function file(t) {
    const path = join(temporaryDirectory(t), 'file')
    writeFileSync(path, content)
    return path
  }

  const message = (url) => new Promise((resolve) => get(url, resolve))

  const SHAPES = {
    'of fields only': (form) => {
      form.append('a', 'b')
      form.append('number', 5)
      form.append('ünïcode', '☃')
    },
    'of Buffers only': (form) => {
      form.append('file', content, { filename: 'x.bin' })
      form.append('other', content, 'y.bin')
    },
    'of more Buffers than a stream holds': (form) => {
      for (let index = 0; index < 50; index += 1) form.append(`part${index}`, content, 'x')
    },
    'of a file': (form, t) => form.append('file', createReadStream(file(t))),
    'of an empty file': (form, t) => {
      const path = join(temporaryDirectory(t), 'empty')
      writeFileSync(path, '')
      form.append('file', createReadStream(path))
    },
    'of a part of a file': (form, t) =>
      form.append('file', createReadStream(file(t), { start: 5, end: 99 })),
    'of a file between fields': (form, t) => {
      form.append('before', 'x')
      form.append('file', createReadStream(file(t)), { contentType: 'x/y', filepath: 'a/b.c' })
      form.append('after', 'x')
    },
    'of a stream whose length the caller knows': (form) => {
      const stream = new PassThrough()
      stream.end(content)
      form.append('file', stream, { filename: 'x', knownLength: content.length })
    },
    'of the response to another request': async (form, t) => {
      const origin = await startOrigin(t, { body: content })
      form.append('file', await message(origin.url), 'x.bin')
    },
  }

  for (const [what, fill] of Object.entries(SHAPES)) {
    for (const withLength of [false, true]) {
      test(`${what}, ${withLength ? 'with' : 'without'} Content-Length, is sent at once`, async (t) => {
        const url = await startUploads(t)
        const form = new FormData()
        await fill(form, t)
        const length = await new Promise((resolve, reject) =>
          form.getLength((error, value) => (error ? reject(error) : resolve(value))),
        )
        const headers = withLength ? { 'Content-Length': length } : {}
        const options = { method: 'POST', body: form, headers, timeout: 20_000 }
        const { parts, headers: seen } = await httpJson(url, options)
        assert.equal(seen['content-length'], withLength ? `${length}` : undefined)
        assert.ok(Object.keys(parts).length > 0)
        if (what === 'of fields only') {
          assert.deepEqual(parts, { a: 'b', number: '5', ünïcode: '☃' })
        }
        const isWhole = !/empty|part of/.test(what)
        if (parts.file && isWhole) assert.equal(parts.file, sha256(content))
      })
    }
  }

  test('without parts is an empty body', async (t) => {
    const origin = await startOrigin(t)
    await httpRequest(origin.url, { method: 'POST', body: new FormData(), timeout: 20_000 })
    const [{ headers, body }] = origin.requests
    assert.equal(body.length, 0)
    assert.match(headers['content-type'], /^multipart\/form-data; boundary=/)
  })

  test('that was sent before is refused: it holds nothing any more', async (t) => {
    const origin = await startOrigin(t)
    const form = new FormData()
    form.append('a', 'b')
    const options = { method: 'POST', body: form, timeout: 20_000 }
    await httpRequest(origin.url, options)
    const error = await rejection(httpRequest(origin.url, options))
    assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
    assert.match(error.message, /create a new one/)
  })

  test('whose file fails on the way breaks the request off', async (t) => {
    const origin = await startFlowOrigin(t, (incoming) => incoming.resume())
    const form = new FormData()
    const stream = new PassThrough()
    form.append('a', 'b')
    form.append('file', stream)
    stream.write('some')
    const failed = rejection(httpRequest(origin.url, { method: 'POST', body: form }))
    await until(() => origin.requests.length === 1, 'the request has arrived')
    const reason = new Error('the disk is gone')
    stream.destroy(reason)
    assert.equal(await failed, reason)
    await until(() => origin.broken === 1, 'the server sees the request break off')
  })
})

describe('a stream of the old kind', () => {
  /** It is no Readable: it pushes, and cannot be iterated over. */
  function source(act) {
    const stream = new Stream()
    stream.readable = true
    const pipe = stream.pipe
    stream.pipe = (destination, options) => {
      pipe.call(stream, destination, options)
      act(stream)
      return destination
    }
    return stream
  }
  const send = (url, body) => httpRequest(url, { method: 'POST', body, timeout: 20_000 })

  for (const [what, act, expected] of [
    [
      'ends within pipe',
      (stream) => {
        stream.emit('data', 'text')
        stream.emit('end')
      },
      'text',
    ],
    ['ends within pipe, empty', (stream) => stream.emit('end'), ''],
    [
      'ends and closes within pipe',
      (stream) => {
        stream.emit('data', Buffer.from('text'))
        stream.emit('end')
        stream.emit('close')
      },
      'text',
    ],
    [
      'ends later',
      (stream) => {
        setTimeout(() => stream.emit('data', 'text'), 5)
        setTimeout(() => stream.emit('end'), 10)
      },
      'text',
    ],
  ]) {
    test(`that ${what} is sent at once`, async (t) => {
      const origin = await startOrigin(t)
      await send(origin.url, source(act))
      assert.equal(origin.requests[0].body.toString(), expected)
    })
  }

  test('that ended before it is read is an empty body', async (t) => {
    const origin = await startOrigin(t)
    const stream = source(() => {})
    stream.readable = false
    await send(origin.url, stream)
    assert.equal(origin.requests[0].body.length, 0)
  })

  for (const when of ['within pipe', 'later']) {
    const at = (act) => (when === 'later' ? (stream) => setTimeout(act, 5, stream) : act)

    test(`that fails ${when} rejects the call with its own error`, async (t) => {
      const origin = await startFlowOrigin(t, (incoming) => incoming.resume())
      const reason = new Error('the disk is gone')
      const failing = source(at((stream) => stream.emit('error', reason)))
      assert.equal(await rejection(send(origin.url, failing)), reason)
    })

    test(`that closes ${when} without its end rejects the call`, async (t) => {
      const origin = await startFlowOrigin(t, (incoming) => incoming.resume())
      const closing = source(at((stream) => stream.emit('close')))
      const error = await rejection(send(origin.url, closing))
      assert.equal(error.code, 'ERR_STREAM_PREMATURE_CLOSE')
    })
  }
})
