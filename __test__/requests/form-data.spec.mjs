// Uploads by form-data, the package that callers use: a stream of the old kind, with fields of its own.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { httpJson, httpRequest } from '@socketsecurity/registry'
import FormData from 'form-data'
import { listen } from '../helpers/origins/listen.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** Says what it was sent: the parts of a multipart body, by name. */
async function startUploads(t) {
  const server = createServer((request, response) => {
    // An upload that breaks off is what a test may want.
    answer(request, response).catch(() => response.destroy())
  })
  async function answer(request, response) {
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
  const answer = await httpRequest(url, { method: 'POST', body: form, headers })
  const { parts, headers: seen } = answer.json()
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
