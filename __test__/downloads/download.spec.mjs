import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { redirectTo, silence, startOrigin } from '../helpers/origins/http-origin.mjs'
import {
  raw,
  sayAndClose,
  sayAndReset,
  sayAndStall,
  startRawOrigin,
  unusedUrl,
} from '../helpers/origins/raw-origin.mjs'
import { codes, rejection, temporaryDirectory, until } from '../helpers/support.mjs'

const whole = 'the whole file'
const wholeResponse = raw('HTTP/1.1 200 OK', [`Content-Length: ${whole.length}`], whole)

describe('a download that succeeds', () => {
  test('writes the file and returns its path and size', async (t) => {
    const body = randomBytes(100_003)
    const origin = await startOrigin(t, { body })
    const destination = join(temporaryDirectory(t), 'file.bin')
    const result = await httpDownload(`${origin.url}/file`, destination)
    assert.equal(result.path, destination)
    assert.equal(result.size, body.length)
    assert.ok(readFileSync(destination).equals(body))
    assert.equal(origin.requests[0].method, 'GET')
  })

  test('leaves nothing beside the file', async (t) => {
    const origin = await startOrigin(t, { body: whole, headers: { ETag: '"1"' } })
    const directory = temporaryDirectory(t)
    await httpDownload(origin.url, join(directory, 'file'))
    assert.deepEqual(readdirSync(directory), ['file'])
  })

  test('creates the directories above the file', async (t) => {
    const origin = await startOrigin(t, { body: whole })
    const destination = join(temporaryDirectory(t), 'a', 'b c', 'ünï ☃', 'file')
    const { path } = await httpDownload(origin.url, destination)
    assert.equal(path, destination)
    assert.equal(readFileSync(destination, 'utf8'), whole)
  })

  test('takes a URL object', async (t) => {
    const origin = await startOrigin(t, { body: whole })
    const destination = join(temporaryDirectory(t), 'file')
    await httpDownload(new URL(origin.url), destination)
    assert.equal(readFileSync(destination, 'utf8'), whole)
  })

  test('replaces a longer file', async (t) => {
    const origin = await startOrigin(t, { body: whole })
    const destination = join(temporaryDirectory(t), 'file')
    writeFileSync(destination, 'old'.repeat(1000))
    await httpDownload(origin.url, destination)
    assert.equal(readFileSync(destination, 'utf8'), whole)
  })

  test('may be empty', async (t) => {
    const origin = await startOrigin(t, { body: '' })
    const destination = join(temporaryDirectory(t), 'file')
    assert.equal((await httpDownload(origin.url, destination)).size, 0)
    assert.equal(statSync(destination).size, 0)
  })

  for (const [how, response] of [
    [
      'in chunks',
      raw(
        'HTTP/1.1 200 OK',
        ['Transfer-Encoding: chunked'],
        '3\r\nthe\r\nb\r\n whole file\r\n0\r\n\r\n',
      ),
    ],
    ['until the connection ends', raw('HTTP/1.0 200 OK', [], whole)],
  ]) {
    test(`needs no length when the body is sent ${how}`, async (t) => {
      const origin = await startRawOrigin(t, sayAndClose(response))
      const destination = join(temporaryDirectory(t), 'file')
      assert.equal((await httpDownload(origin.url, destination)).size, whole.length)
      assert.equal(readFileSync(destination, 'utf8'), whole)
    })
  }

  test('requests the identity coding, with the headers of the caller', async (t) => {
    const origin = await startOrigin(t, { body: whole })
    const headers = { Authorization: 'Bearer x', 'X-Plain': 'yes' }
    await httpDownload(origin.url, join(temporaryDirectory(t), 'file'), { headers })
    const [request] = origin.requests
    assert.equal(request.headers['accept-encoding'], 'identity')
    assert.equal(request.headers.authorization, 'Bearer x')
    assert.equal(request.headers['x-plain'], 'yes')
  })

  test('writes the bytes of a server that compresses all the same', async (t) => {
    const body = gzipSync(whole)
    const origin = await startOrigin(t, { body, headers: { 'Content-Encoding': 'gzip' } })
    const destination = join(temporaryDirectory(t), 'file.gz')
    const { size } = await httpDownload(origin.url, destination)
    assert.equal(size, body.length)
    assert.ok(readFileSync(destination).equals(body))
  })

  test('follows redirects, and takes credentials to no other origin', async (t) => {
    const other = await startOrigin(t, { body: whole })
    const origin = await startOrigin(t, [redirectTo('/next'), redirectTo(`${other.url}/file`)])
    const destination = join(temporaryDirectory(t), 'file')
    const headers = { Authorization: 'Bearer hunter2' }
    await httpDownload(origin.url, destination, { headers })
    assert.equal(readFileSync(destination, 'utf8'), whole)
    assert.equal(origin.requests[1].headers.authorization, 'Bearer hunter2')
    assert.equal(other.requests[0].headers.authorization, undefined)
    assert.equal(other.requests[0].headers['accept-encoding'], 'identity')
  })

  test('of many at once each gets its own bytes', async (t) => {
    const origin = await startOrigin(t, ({ path }) => ({ body: path.repeat(5000) }))
    const directory = temporaryDirectory(t)
    const names = Array.from({ length: 20 }, (_, index) => `file-${index}`)
    await Promise.all(
      names.map((name) => httpDownload(`${origin.url}/${name}`, join(directory, name))),
    )
    for (const name of names) {
      assert.equal(readFileSync(join(directory, name), 'utf8'), `/${name}`.repeat(5000))
    }
    assert.equal(readdirSync(directory).length, names.length)
  })

  test('of two to one destination the file is one of them, whole', async (t) => {
    const bodies = { '/a': Buffer.alloc(2_000_000, 'a'), '/b': Buffer.alloc(1_500_000, 'b') }
    const origin = await startOrigin(t, ({ path }) => ({ body: bodies[path] }))
    const directory = temporaryDirectory(t)
    const destination = join(directory, 'file')
    await Promise.all(
      Object.keys(bodies).map((path) => httpDownload(origin.url + path, destination)),
    )
    const bytes = readFileSync(destination)
    assert.ok(bytes.equals(bodies['/a']) || bytes.equals(bodies['/b']))
    assert.deepEqual(readdirSync(directory), ['file'])
  })
})

describe('while a download is running', () => {
  /** A server that sends half of the file and the rest when told to. */
  async function halfway(t) {
    let finish
    const told = new Promise((resolve) => {
      finish = resolve
    })
    const body = randomBytes(400_000)
    const origin = await startOrigin(t, async (_request, response) => {
      response.writeHead(200, { 'Content-Length': body.length })
      response.write(body.subarray(0, 200_000))
      await told
      response.end(body.subarray(200_000))
    })
    return { origin, body, finish }
  }

  test('its bytes are in the part file and the destination is absent', async (t) => {
    const { origin, body, finish } = await halfway(t)
    const destination = join(temporaryDirectory(t), 'file')
    const download = httpDownload(origin.url, destination)
    await until(() => existsSync(`${destination}.part`), 'there is a part file')
    assert.ok(!existsSync(destination))
    finish()
    await download
    assert.ok(readFileSync(destination).equals(body))
    assert.ok(!existsSync(`${destination}.part`))
  })

  test('an older file stays as it is', async (t) => {
    const { origin, body, finish } = await halfway(t)
    const destination = join(temporaryDirectory(t), 'file')
    writeFileSync(destination, 'old')
    const download = httpDownload(origin.url, destination)
    await until(() => existsSync(`${destination}.part`), 'there is a part file')
    assert.equal(readFileSync(destination, 'utf8'), 'old')
    finish()
    await download
    assert.ok(readFileSync(destination).equals(body))
  })
})

describe('a download that fails', () => {
  const failures = [
    ['the body is short', sayAndClose(raw('HTTP/1.1 200 OK', ['Content-Length: 99'], 'short'))],
    ['there is no body', sayAndClose(raw('HTTP/1.1 200 OK', ['Content-Length: 99']))],
    [
      'the connection is reset midway',
      sayAndReset(raw('HTTP/1.1 200 OK', ['Content-Length: 99'], 'short')),
    ],
    [
      'the last chunk never comes',
      sayAndClose(raw('HTTP/1.1 200 OK', ['Transfer-Encoding: chunked'], '5\r\nshort\r\n')),
    ],
    [
      'a chunk breaks off',
      sayAndClose(raw('HTTP/1.1 200 OK', ['Transfer-Encoding: chunked'], '99\r\nshort')),
    ],
    ['the time is up midway', sayAndStall(raw('HTTP/1.1 200 OK', ['Content-Length: 99'], 'short'))],
    [
      'the status is 404',
      sayAndClose(
        raw('HTTP/1.1 404 Not Found', ['Content-Length: 4', 'Connection: close'], 'gone'),
      ),
    ],
    [
      'the status is 500',
      sayAndClose(raw('HTTP/1.1 500 Oh', ['Content-Length: 4', 'Connection: close'], 'oops')),
    ],
    ['the status is 304', sayAndClose(raw('HTTP/1.1 304 Not Modified', ['Connection: close']))],
    ['the response is not HTTP', sayAndClose('SSH-2.0-server\r\n')],
  ]

  for (const [why, script] of failures) {
    test(`leaves no destination when ${why}`, async (t) => {
      const origin = await startRawOrigin(t, script)
      const destination = join(temporaryDirectory(t), 'sub', 'file')
      const error = await rejection(httpDownload(origin.url, destination, { timeout: 1000 }))
      assert.ok(error instanceof Error)
      assert.equal(typeof error.code, 'string')
      assert.ok(!existsSync(destination))
    })

    test(`leaves an older file alone when ${why}`, async (t) => {
      const origin = await startRawOrigin(t, script)
      const destination = join(temporaryDirectory(t), 'file')
      writeFileSync(destination, 'old')
      await rejection(httpDownload(origin.url, destination, { timeout: 1000 }))
      assert.equal(readFileSync(destination, 'utf8'), 'old')
    })

    test(`is no burden to the next when ${why}`, async (t) => {
      const origin = await startRawOrigin(t, [script, sayAndClose(wholeResponse)])
      const directory = temporaryDirectory(t)
      const destination = join(directory, 'file')
      await rejection(httpDownload(origin.url, destination, { timeout: 1000 }))
      const { size } = await httpDownload(origin.url, destination)
      assert.equal(size, whole.length)
      assert.equal(readFileSync(destination, 'utf8'), whole)
      assert.deepEqual(readdirSync(directory), ['file'])
    })
  }

  test('never publishes bytes beyond the announced length', async (t) => {
    const response = raw(
      'HTTP/1.1 200 OK',
      ['Content-Length: 4', 'Connection: close'],
      'four and more',
    )
    const origin = await startRawOrigin(t, sayAndClose(response))
    const destination = join(temporaryDirectory(t), 'file')
    const published = await httpDownload(origin.url, destination).catch(() => undefined)
    assert.equal(existsSync(destination), published !== undefined)
    if (published) {
      assert.equal(readFileSync(destination, 'utf8'), 'four')
    }
  })

  test('for its status has it in the error, and is tried once', async (t) => {
    const origin = await startOrigin(t, { status: 404, body: 'gone' })
    const destination = join(temporaryDirectory(t), 'file')
    const error = await rejection(
      httpDownload(`${origin.url}/missing`, destination, { retries: 3, retryDelay: 1 }),
    )
    assert.equal(error.message, 'Download failed: HTTP 404 Not Found')
    assert.equal(error.code, 'ERR_HTTP_STATUS')
    assert.equal(error.status, 404)
    assert.equal(error.url, `${origin.url}/missing`)
    assert.equal(origin.requests.length, 1)
  })

  test('for a transient status is tried N+1 times', async (t) => {
    const origin = await startOrigin(t, { status: 500 })
    const destination = join(temporaryDirectory(t), 'file')
    const error = await rejection(
      httpDownload(origin.url, destination, { retries: 2, retryDelay: 1 }),
    )
    assert.equal(error.message, 'Download failed: HTTP 500 Internal Server Error')
    assert.equal(error.attempts, 3)
    assert.equal(origin.requests.length, 3)
  })

  test('when nobody listens has the code ECONNREFUSED', async (t) => {
    const destination = join(temporaryDirectory(t), 'file')
    const error = await rejection(
      httpDownload(await unusedUrl(), destination, { retries: 1, retryDelay: 1 }),
    )
    assert.match(error.message, /^HTTP download failed: ./)
    assert.ok(codes(error).includes('ECONNREFUSED'), `the codes are ${codes(error)}`)
    assert.equal(error.attempts, 2)
    assert.ok(!existsSync(destination))
  })

  for (const [when, script] of [
    ['before the response', silence],
    [
      'within the body',
      (_request, response) => {
        response.writeHead(200, { 'Content-Length': 100 })
        response.write('short')
      },
    ],
  ]) {
    test(`when the time is up ${when} has the limit in its message`, async (t) => {
      const origin = await startOrigin(t, script)
      const destination = join(temporaryDirectory(t), 'file')
      const error = await rejection(httpDownload(origin.url, destination, { timeout: 200 }))
      assert.equal(error.message, 'Download timed out after 200ms')
      assert.equal(error.code, 'ERR_TIMEOUT')
    })
  }

  test('at too many redirects leaves no destination', async (t) => {
    const origin = await startOrigin(t, redirectTo('/again'))
    const destination = join(temporaryDirectory(t), 'file')
    const error = await rejection(httpDownload(origin.url, destination))
    assert.equal(error.message, 'Too many redirects (exceeded maximum: 5)')
    assert.equal(origin.requests.length, 6)
    assert.ok(!existsSync(destination))
  })

  test('below a file has the code ENOTDIR and leaves that file alone', async (t) => {
    const origin = await startOrigin(t, { body: whole })
    const file = join(temporaryDirectory(t), 'file')
    writeFileSync(file, 'in the way')
    const error = await rejection(httpDownload(origin.url, join(file, 'sub', 'destination')))
    assert.ok(error instanceof Error)
    assert.ok(codes(error).includes('ENOTDIR'), `the codes are ${codes(error)}`)
    assert.equal(typeof error.path, 'string')
    assert.equal(readFileSync(file, 'utf8'), 'in the way')
  })

  test('onto a directory rejects and leaves the directory alone', async (t) => {
    const origin = await startOrigin(t, { body: whole })
    const directory = join(temporaryDirectory(t), 'directory')
    mkdirSync(directory)
    writeFileSync(join(directory, 'inside'), 'kept')
    const error = await rejection(httpDownload(origin.url, directory))
    assert.ok(error instanceof Error)
    assert.ok(codes(error).includes('EISDIR'), `the codes are ${codes(error)}`)
    assert.deepEqual(readdirSync(directory), ['inside'])
  })

  test('for want of permission has the code EACCES', {
    skip: process.getuid?.() === 0,
  }, async (t) => {
    const origin = await startOrigin(t, { body: whole })
    const directory = join(temporaryDirectory(t), 'closed')
    mkdirSync(directory, { mode: 0o555 })
    const error = await rejection(httpDownload(origin.url, join(directory, 'file')))
    assert.ok(codes(error).includes('EACCES'), `the codes are ${codes(error)}`)
    assert.deepEqual(readdirSync(directory), [])
  })
})

describe('a download with retries', () => {
  for (const [what, script] of [
    [
      'a 503',
      sayAndClose(raw('HTTP/1.1 503 Busy', ['Content-Length: 4', 'Connection: close'], 'busy')),
    ],
    ['a reset midway', sayAndReset(wholeResponse.subarray(0, -5))],
    ['a short body', sayAndClose(wholeResponse.subarray(0, -5))],
    ['a stall', sayAndStall(wholeResponse.subarray(0, -5))],
  ]) {
    test(`recovers from ${what}`, async (t) => {
      const origin = await startRawOrigin(t, [script, sayAndClose(wholeResponse)])
      const directory = temporaryDirectory(t)
      const destination = join(directory, 'file')
      const options = { retries: 1, retryDelay: 1, timeout: 1000 }
      const { size } = await httpDownload(origin.url, destination, options)
      assert.equal(size, whole.length)
      assert.equal(readFileSync(destination, 'utf8'), whole)
      assert.deepEqual(readdirSync(directory), ['file'])
      assert.equal(origin.heads.length, 2)
    })
  }

  test('waits for the delay of Retry-After', async (t) => {
    const origin = await startOrigin(t, [
      { status: 503, headers: { 'Retry-After': '1' } },
      { body: whole },
    ])
    const destination = join(temporaryDirectory(t), 'file')
    await httpDownload(origin.url, destination, { retries: 1, retryDelay: 1 })
    const [first, second] = origin.requests
    assert.ok(second.at - first.at >= 999, `waited ${second.at - first.at}`)
  })
})
