import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import { compressedInChunks, startOrigin } from '../helpers/origins/http-origin.mjs'
import { raw, sayAndClose, startRawOrigin } from '../helpers/origins/raw-origin.mjs'
import { compressedFrame, compressedText, zstdFrame } from '../helpers/origins/zstd-frame.mjs'
import { rejection } from '../helpers/support.mjs'

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

  test(`a truncated body in ${encoding} rejects`, async (t) => {
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

  test(`a response without a body may say ${encoding}`, async (t) => {
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
  const origin = await startOrigin(t, compressedInChunks(bytes))
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

const twice = encoders.flatMap(([inner, encodeInner]) =>
  encoders
    // A zstd frame of this origin holds 255 bytes.
    .filter(([outer]) => outer !== 'zstd' || inner !== 'zstd')
    .map(([outer, encodeOuter]) => [
      `${inner}, ${outer}`,
      (bytes) => encodeOuter(encodeInner(bytes)),
    ]),
)
for (const [encoding, encode] of twice) {
  test(`a body in "${encoding}" is decoded`, async (t) => {
    const origin = await originOf(t, encoding, encode(text))
    assert.equal((await httpRequest(origin.url)).text(), text)
  })

  test(`a truncated body in "${encoding}" rejects`, async (t) => {
    const origin = await originOf(t, encoding, encode(text).subarray(0, -4))
    const error = await rejection(httpRequest(origin.url))
    assert.equal(error.code, 'ERR_DECODE')
  })
}

test('a body in three codings rejects', async (t) => {
  const origin = await originOf(t, 'gzip, gzip, gzip', gzipSync(gzipSync(gzipSync(text))))
  const error = await rejection(httpRequest(origin.url))
  assert.equal(error.code, 'ERR_DECODE')
  assert.match(error.message, /more than 2 content codings/)
})

const gzip = gzipSync(text)
const zeros = Buffer.alloc(1000)
const others = Buffer.from('<!-- served by -->')

for (const [what, encoding, body, expected] of [
  ['zeros behind gzip', 'gzip', [gzip, zeros], text],
  ['zeros behind deflate', 'deflate', [deflateSync(text), zeros], text],
  ['zeros behind br', 'br', [brotliCompressSync(text), zeros], text],
  ['zeros behind zstd', 'zstd', [zstdFrame(text), zeros], text],
  ['a second gzip member', 'gzip', [gzip, gzipSync('more')], `${text}more`],
  ['a second member behind zeros', 'gzip', [gzip, zeros, gzipSync('more')], `${text}more`],
  ['a second zstd frame', 'zstd', [zstdFrame(text), zstdFrame('more')], `${text}more`],
  ['other bytes behind gzip', 'gzip', [gzip, others]],
  ['other bytes behind deflate', 'deflate', [deflateSync(text), others]],
  ['other bytes behind br', 'br', [brotliCompressSync(text), others]],
  ['other bytes behind zstd', 'zstd', [zstdFrame(text), others]],
  ['other bytes behind bare deflate', 'deflate', [deflateRawSync(text), others]],
  [
    'a checksum behind bare deflate',
    'deflate',
    [deflateRawSync(text), others.subarray(0, 4)],
    text,
  ],
  ['a wrong checksum', 'gzip', [gzip.subarray(0, -8), Buffer.alloc(4), gzip.subarray(-4)]],
]) {
  test(`${what}: ${expected === undefined ? 'rejects' : 'is a whole body'}`, async (t) => {
    const origin = await originOf(t, encoding, Buffer.concat(body))
    if (expected !== undefined) {
      assert.equal((await httpRequest(origin.url)).text(), expected)
      return
    }
    assert.equal((await rejection(httpRequest(origin.url))).code, 'ERR_DECODE')
  })
}

describe('gzip without its trailer', () => {
  const body = gzip.subarray(0, -8)

  test('is whole when its length was announced', async (t) => {
    const origin = await originOf(t, 'gzip', body)
    assert.equal((await httpRequest(origin.url)).text(), text)
  })

  test('rejects when the connection just closes, as it would if something were missing', async (t) => {
    const head = raw('HTTP/1.1 200 OK', ['Content-Encoding: gzip'])
    const origin = await startRawOrigin(t, sayAndClose(Buffer.concat([head, body])))
    const error = await rejection(httpRequest(origin.url))
    assert.equal(error.code, 'ERR_DECODE')
    assert.match(error.message, /its gzip data is cut off/)
  })

  test('rejects when a part of the trailer is there', async (t) => {
    const origin = await originOf(t, 'gzip', gzip.subarray(0, -3))
    assert.equal((await rejection(httpRequest(origin.url))).code, 'ERR_DECODE')
  })
})

test('a body that is received byte by byte is decoded', async (t) => {
  const origin = await startOrigin(t, async (_request, response) => {
    response.writeHead(200, { 'Content-Encoding': 'gzip' })
    for (const byte of gzip) {
      response.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
    response.end()
  })
  assert.equal((await httpRequest(origin.url)).text(), text)
})

test('a large body in br, and in two codings, is decoded', async (t) => {
  const bytes = Buffer.concat([randomBytes(1_500_000), Buffer.alloc(1_500_000)])
  const fast = { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } }
  const br = brotliCompressSync(bytes, fast)
  const twice = gzipSync(brotliCompressSync(bytes, fast))
  const origin = await startOrigin(t, [
    { headers: { 'Content-Encoding': 'br' }, body: br },
    { headers: { 'Content-Encoding': 'br, gzip' }, body: twice },
  ])
  assert.ok((await httpRequest(origin.url)).body.equals(bytes))
  assert.ok((await httpRequest(origin.url)).body.equals(bytes))
})
