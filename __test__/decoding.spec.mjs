import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import { startOrigin } from './origins/http-origin.mjs'
import { compressedFrame, compressedText, zstdFrame } from './origins/zstd-frame.mjs'
import { rejection } from './support.mjs'

const text = 'The same text, again and again. '.repeat(6)

const encoders = [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['zstd', zstdFrame],
]

async function originOf(t, encoding, body) {
  return startOrigin(t, { headers: { 'Content-Encoding': encoding }, body })
}

for (const [encoding, encode] of encoders) {
  test(`a body in ${encoding} is decoded for every accessor`, async (t) => {
    const origin = await originOf(t, encoding, encode(JSON.stringify({ text })))
    const response = await httpRequest(origin.url)
    assert.deepEqual(response.json(), { text })
    assert.equal(response.text(), JSON.stringify({ text }))
    assert.equal(response.body.toString(), JSON.stringify({ text }))
    assert.equal(Buffer.from(response.arrayBuffer()).toString(), JSON.stringify({ text }))
  })

  test(`a body in ${encoding} that breaks off rejects`, async (t) => {
    const origin = await originOf(t, encoding, encode(text).subarray(0, -4))
    const error = await rejection(httpRequest(origin.url))
    assert.ok(error instanceof Error)
    assert.equal(error.code, 'ERR_DECODE')
  })

  test(`a body that only claims to be ${encoding} rejects`, async (t) => {
    const origin = await originOf(t, encoding, Buffer.alloc(64, 0xff))
    const error = await rejection(httpRequest(origin.url))
    assert.equal(error.code, 'ERR_DECODE')
  })

  test(`an answer without a body may say ${encoding}`, async (t) => {
    const origin = await originOf(t, encoding, encode(text))
    const response = await httpRequest(origin.url, { method: 'HEAD' })
    assert.equal(response.body.length, 0)
  })
}

test('a zstd body with real compression is decoded', async (t) => {
  const origin = await originOf(t, 'zstd', compressedFrame)
  assert.equal((await httpRequest(origin.url)).text(), compressedText)
})

test('a 204 may claim an encoding', async (t) => {
  const origin = await startOrigin(t, { status: 204, headers: { 'Content-Encoding': 'gzip' } })
  const response = await httpRequest(origin.url)
  assert.equal(response.status, 204)
  assert.equal(response.body.length, 0)
})

test('the name of an encoding may be in capitals', async (t) => {
  const origin = await originOf(t, 'GZIP', gzipSync(text))
  assert.equal((await httpRequest(origin.url)).text(), text)
})

test('a large compressed body in many chunks is decoded', async (t) => {
  const bytes = Buffer.concat([randomBytes(1_500_000), Buffer.alloc(1_500_000)])
  const origin = await startOrigin(t, (_request, response) => {
    const compressed = gzipSync(bytes)
    response.writeHead(200, { 'Content-Encoding': 'gzip' })
    for (let start = 0; start < compressed.length; start += 10_000) {
      response.write(compressed.subarray(start, start + 10_000))
    }
    response.end()
  })
  const { body } = await httpRequest(origin.url)
  assert.ok(body.equals(bytes))
})

test('a body in an encoding that was not advertised is left as it is', async (t) => {
  const origin = await originOf(t, 'x-rot13', 'uryyb')
  assert.equal((await httpRequest(origin.url)).text(), 'uryyb')
})

test('a body in codings without end rejects, and harms nobody', async (t) => {
  const origin = await originOf(t, 'gzip,'.repeat(10_000), gzipSync(text))
  const error = await rejection(httpRequest(origin.url))
  assert.equal(error.code, 'ERR_DECODE')
})
