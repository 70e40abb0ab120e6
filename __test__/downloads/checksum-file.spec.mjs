import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import {
  fetchChecksumFile,
  parseChecksumFile,
} from '@socketsecurity/registry/lib/http-request/checksum-file'
import { later, redirectTo, startOrigin } from '../helpers/origins/http-origin.mjs'
import { cert } from '../helpers/origins/localhost-certificate.mjs'
import { unusedUrl } from '../helpers/origins/raw-origin.mjs'
import { rejection } from '../helpers/support.mjs'

/** A digest of some bytes, as files list it and as the map has it. */
function digest(bytes) {
  const hash = createHash('sha256').update(bytes).digest()
  return { hex: hash.toString('hex'), integrity: `sha256-${hash.toString('base64')}` }
}

const one = digest('one')
const two = digest('two')

describe('a checksum file', () => {
  test('of sha256sum gives a map of names to digests', () => {
    const map = parseChecksumFile(`${one.hex}  tool-linux\n${two.hex} *tool.exe\n`)
    assert.deepEqual({ ...map }, { 'tool-linux': one.integrity, 'tool.exe': two.integrity })
  })

  test('of BSD gives the same', () => {
    const map = parseChecksumFile(
      `SHA256 (tool-linux) = ${one.hex}\nSHA256 (a (1).txt) = ${two.hex}`,
    )
    assert.deepEqual({ ...map }, { 'tool-linux': one.integrity, 'a (1).txt': two.integrity })
  })

  test('of Windows, with a byte order mark, carriage returns and capitals, gives the same', () => {
    const map = parseChecksumFile(
      `\ufeff${one.hex.toUpperCase()}  a\r\nSHA256 (b) = ${two.hex.toUpperCase()}\r\n`,
    )
    assert.deepEqual({ ...map }, { a: one.integrity, b: two.integrity })
  })

  test('of `find` has names without a leading ./', () => {
    const map = parseChecksumFile(`${one.hex}  ./a\n${two.hex}  ./b/./c\n`)
    assert.deepEqual({ ...map }, { a: one.integrity, 'b/./c': two.integrity })
  })

  test('may have names with spaces, other alphabets and null characters', () => {
    const names = ['a b  c', 'größe.txt', '文件', '\u{1f4e6}', 'a\0b']
    const map = parseChecksumFile(names.map((name) => `${one.hex}  ${name}`).join('\n'))
    assert.deepEqual(Object.keys(map), names)
  })

  test('without anything that is understood is empty', () => {
    for (const text of [
      '',
      '\n\n',
      '# comment',
      `# ${one.hex}  commented-out`,
      one.hex,
      `${one.hex}  `,
      `${one.hex} *`,
      `${one.hex}${two.hex}  of-sha512`,
      `${one.hex.slice(1)}  too-short`,
      `g${one.hex.slice(1)}  no-digit`,
      `SHA512 (a) = ${one.hex}${two.hex}`,
      `MD5 (a) = ${one.hex}`,
      `SHA3-256 (a) = ${one.hex}`,
      `SHA256 (a) ${one.hex}`,
      `SHA256 () = ${one.hex}`,
      'SHA256 (a) = ',
      '<!DOCTYPE html>',
      '{"a": 1}',
    ]) {
      assert.deepEqual(Object.keys(parseChecksumFile(text)), [], text)
    }
  })

  test('cannot reach a prototype by the name of a file', () => {
    const map = parseChecksumFile(
      `${one.hex}  __proto__\n${two.hex}  constructor\n${one.hex}  toString\n`,
    )
    assert.equal(Object.getPrototypeOf(map), null)
    assert.deepEqual(Object.keys(map), ['__proto__', 'constructor', 'toString'])
    assert.equal(Object.getOwnPropertyDescriptor(map, '__proto__').value, one.integrity)
    assert.equal({}.toString, Object.prototype.toString)
    assert.equal(parseChecksumFile('').constructor, undefined)
  })

  test('that names a file twice gives the last digest', () => {
    const map = parseChecksumFile(`${one.hex}  a\n${two.hex}  a\n`)
    assert.deepEqual({ ...map }, { a: two.integrity })
  })

  test('of a hundred thousand lines, or of one endless line, is read in no time', () => {
    const before = process.cpuUsage()
    const lines = Array.from({ length: 100_000 }, (_, index) => `${one.hex}  file-${index}`)
    assert.equal(Object.keys(parseChecksumFile(lines.join('\n'))).length, 100_000)
    for (const piece of [' ', 'a', '(', ')', 'SHA256 (', `${one.hex} `, './', '\r']) {
      parseChecksumFile(piece.repeat(2_000_000 / piece.length))
    }
    const { user, system } = process.cpuUsage(before)
    const took = (user + system) / 1000
    assert.ok(took < 10_000, `it took ${took} ms of processor time`)
  })

  test('must be a string', () => {
    for (const text of [undefined, null, 5, {}, [], Buffer.from(''), Symbol('text')]) {
      assert.throws(() => parseChecksumFile(text), {
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message: /"text"/,
      })
    }
  })
})

describe('a checksum file of a server', () => {
  test('is fetched and parsed', async (t) => {
    const origin = await startOrigin(t, { body: `${one.hex}  a\n` })
    const map = await fetchChecksumFile(`${origin.url}/sums.txt`)
    assert.equal(Object.getPrototypeOf(map), null)
    assert.deepEqual({ ...map }, { a: one.integrity })
    assert.deepEqual([origin.requests[0].method, origin.requests[0].path], ['GET', '/sums.txt'])
  })

  test('is requested with the headers of the caller, after redirects too', async (t) => {
    const origin = await startOrigin(t, [redirectTo('/there'), { body: `${one.hex}  a` }])
    const headers = { authorization: 'Bearer abc', 'x-more': 'b' }
    await fetchChecksumFile(new URL(origin.url), { headers })
    assert.equal(origin.requests[1].headers.authorization, 'Bearer abc')
    assert.equal(origin.requests[1].headers['x-more'], 'b')
  })

  test('is got, whatever the options say of method, body and stream', async (t) => {
    const origin = await startOrigin(t, { body: `${one.hex}  a` })
    const map = await fetchChecksumFile(origin.url, { method: 'POST', body: 'x', stream: true })
    assert.deepEqual(Object.keys(map), ['a'])
    assert.equal(origin.requests[0].method, 'GET')
    assert.equal(origin.requests[0].body.length, 0)
  })

  test('is trusted by the certificates of `ca`', async (t) => {
    const origin = await startOrigin(t, { body: `${one.hex}  a` }, { secure: true })
    const url = origin.url.replace('127.0.0.1', 'localhost')
    const error = await rejection(fetchChecksumFile(url))
    assert.match(error.code, /CERT|SIGNATURE/)
    assert.deepEqual(Object.keys(await fetchChecksumFile(url, { ca: [cert] })), ['a'])
  })

  test('that is not there rejects with the status', async (t) => {
    const origin = await startOrigin(t, { status: 404, body: `${one.hex}  a` })
    const error = await rejection(fetchChecksumFile(`${origin.url}/sums.txt`))
    assert.equal(
      error.message,
      `Failed to fetch checksums from ${origin.url}/sums.txt: 404 Not Found`,
    )
    assert.deepEqual([error.code, error.status, error.attempts], ['ERR_HTTP_STATUS', 404, 1])
  })

  test('whose status has no text rejects without one', async (t) => {
    const origin = await startOrigin(t, { status: 599, statusMessage: '' })
    const error = await rejection(fetchChecksumFile(`${origin.url}/sums.txt`))
    assert.equal(error.message, `Failed to fetch checksums from ${origin.url}/sums.txt: 599`)
  })

  test('rejects without telling credentials of the URL', async (t) => {
    const origin = await startOrigin(t, { status: 403 })
    const url = `${origin.url.replace('://', '://user:geheim@')}/a?token=geheim&part=2`
    const error = await rejection(fetchChecksumFile(url))
    assert.match(error.message, /\/a\?token=REDACTED&part=2: 403 Forbidden$/)
    assert.doesNotMatch(`${error.message} ${error.url} ${error.stack}`, /geheim/)
  })

  test('that sends no response rejects after the timeout', async (t) => {
    const origin = await startOrigin(t, later(60_000))
    const error = await rejection(fetchChecksumFile(origin.url, { timeout: 50 }))
    assert.deepEqual([error.code, error.message], ['ERR_TIMEOUT', 'Request timed out after 50ms'])
  })

  test('that is not running rejects as a request does', async () => {
    const error = await rejection(fetchChecksumFile(await unusedUrl()))
    assert.equal(error.code, 'ECONNREFUSED')
    assert.match(error.message, /^HTTP request failed: /)
  })

  test('needs a URL, and options of the right types', async () => {
    for (const [args, name] of [
      [[], 'url'],
      [[5], 'url'],
      [['http://127.0.0.1', 5], 'options'],
      [['http://127.0.0.1', { timeout: '5' }], 'options.timeout'],
      [['http://127.0.0.1', { headers: 'a: b' }], 'options.headers'],
    ]) {
      const error = await rejection(fetchChecksumFile(...args))
      assert.ok(error instanceof TypeError)
      assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
      assert.ok(error.message.includes(`"${name}"`), error.message)
    }
  })
})
