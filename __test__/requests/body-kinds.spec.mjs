// Bodies as `fetch` takes them are sent as `fetch` sends them.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { openAsBlob, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { createContext, runInContext } from 'node:vm'
import { HttpClient } from '@socketsecurity/registry/lib/http-client'
import { httpJson, httpRequest, httpText } from '@socketsecurity/registry/lib/http-request'
import { readBody, startFlowOrigin } from '../helpers/origins/flow-origin.mjs'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { unusedUrl } from '../helpers/origins/raw-origin.mjs'
import { codes, rejection, runProgram, temporaryDirectory, until } from '../helpers/support.mjs'

const method = 'POST'
const text = 'Grüße ☃ 🦀'
const bytes = new TextEncoder().encode(text)

/** Bytes in the middle of a larger buffer. */
function within(buffer) {
  new Uint8Array(buffer).set(bytes, 8)
  return buffer
}

function form() {
  const form = new FormData()
  form.append('plain', 'value')
  form.append('ünïcode ☃', text)
  form.append('lines', 'a\nb\r\nc\rd')
  form.append('na"me\r\nX-Injected: yes', 'x')
  form.append('twice', '1')
  form.append('twice', '2')
  form.append('empty', '')
  form.append('blob', new Blob([bytes]))
  form.append('file', new File([bytes], 'fïle "☃"\n.txt', { type: 'text/x-own' }))
  form.append('renamed', new Blob(['x'], { type: 'a/b' }), 'other.bin')
  form.append('large', new Blob([Buffer.alloc(300_000, 'large ')]))
  return form
}

/** Makes each body anew, because some can be sent only once. */
const KINDS = {
  URLSearchParams: () => new URLSearchParams({ 'a b': text, c: '&=+' }),
  'URLSearchParams without entries': () => new URLSearchParams(),
  FormData: form,
  'FormData without entries': () => new FormData(),
  'a Blob with a type': () => new Blob([text], { type: 'Text/X-Own' }),
  'a Blob without a type': () => new Blob([text]),
  'a Blob without bytes': () => new Blob([]),
  'a part of a Blob': () => new Blob([text]).slice(2, 9, 'x/y'),
  'a File': () => new File([text], 'name.txt', { type: 'text/plain' }),
  'an ArrayBuffer': () => bytes.slice().buffer,
  'an ArrayBuffer without bytes': () => new ArrayBuffer(0),
  'a Uint8Array at an offset': () => new Uint8Array(within(new ArrayBuffer(99)), 8, bytes.length),
  'a Buffer of the pool': () => Buffer.from(text),
  'a Uint8ClampedArray': () => new Uint8ClampedArray(bytes),
  'an Int8Array': () => new Int8Array(bytes),
  'a Uint16Array at an offset': () => new Uint16Array(within(new ArrayBuffer(40)), 8, 5),
  'a Float64Array': () => new Float64Array([1.5, Number.NaN, -0]),
  'a BigInt64Array': () => new BigInt64Array([1n, -2n]),
  'a DataView at an offset': () => new DataView(within(new ArrayBuffer(99)), 8, bytes.length),
}

/** The boundary is random. */
const withoutBoundary = (body, type) => {
  const boundary = /boundary=(.+)$/.exec(type ?? '')?.[1]
  const shown = body.toString('latin1')
  return boundary
    ? [shown.replaceAll(boundary, 'boundary'), type.replace(boundary, 'boundary')]
    : [shown, type]
}

describe('a whole body', () => {
  for (const [what, make] of Object.entries(KINDS)) {
    test(`of ${what} is sent as fetch sends it`, async (t) => {
      const origin = await startOrigin(t)
      await fetch(origin.url, { method, body: make() })
      await httpRequest(origin.url, { method, body: make() })
      const [theirs, ours] = origin.requests.map(({ headers, body }) => [
        ...withoutBoundary(body, headers['content-type']),
        headers['content-length'],
        headers['transfer-encoding'],
      ])
      // The boundaries of fetch vary in length.
      const [shownLength] = [ours, theirs].map((request) => request.splice(2, 1)[0])
      assert.deepEqual(ours, theirs)
      assert.equal(Number(shownLength), origin.requests[1].body.length)
    })

    test(`of ${what} is sent again by retries`, async (t) => {
      const origin = await startOrigin(t, [{ status: 503 }, {}])
      const body = make()
      await httpRequest(origin.url, { method, body, retries: 1, retryDelay: 1 })
      const [first, second] = origin.requests
      assert.ok(first.body.equals(second.body))
      assert.equal(first.headers['content-type'], second.headers['content-type'])
      assert.equal(second.headers['content-length'], String(second.body.length))
    })

    test(`of ${what} gives way to the Content-Type of the caller`, async (t) => {
      const origin = await startOrigin(t)
      const headers = { 'CONTENT-type': 'of/the-caller' }
      await httpRequest(origin.url, { method, body: make(), headers })
      assert.equal(origin.requests[0].headers['content-type'], 'of/the-caller')
    })
  }

  test('of shared memory has the bytes of the time of the call', async (t) => {
    const origin = await startOrigin(t)
    const shared = within(new SharedArrayBuffer(64))
    const calls = [
      new Uint8Array(shared, 8, bytes.length),
      new DataView(shared, 8, bytes.length),
      Buffer.from(shared, 8, bytes.length),
      shared,
    ].map((body) => httpRequest(origin.url, { method, body }))
    new Uint8Array(shared).fill(0)
    await Promise.all(calls)
    const bodies = origin.requests.map(({ body }) => body.toString().replaceAll('\0', ''))
    assert.deepEqual(bodies, [text, text, text, text])
  })

  test('of memory that was given away is refused, or empty as for fetch', async (t) => {
    const origin = await startOrigin(t)
    const body = new ArrayBuffer(8)
    const view = new DataView(body)
    structuredClone(body, { transfer: [body] })
    for (const given of [body, view]) {
      const error = await rejection(httpRequest(origin.url, { method, body: given }))
      assert.ok(error instanceof TypeError)
    }
    assert.equal(origin.connections, 0)
  })

  test('of a form has what it had at the time of the call', async (t) => {
    const origin = await startOrigin(t)
    const body = new FormData()
    body.append('a', new Blob(['1']))
    const promise = httpRequest(origin.url, { method, body })
    body.append('b', '2')
    await promise
    assert.doesNotMatch(`${origin.requests[0].body}`, /name="b"/)
  })

  test('of a file that is gone rejects with the error of its Blob', async (t) => {
    const origin = await startOrigin(t)
    const path = join(temporaryDirectory(t), 'file')
    writeFileSync(path, text)
    const body = await openAsBlob(path, { type: 'x/y' })
    await httpRequest(origin.url, { method, body })
    assert.equal(`${origin.requests[0].body}`, text)
    rmSync(path)
    const form = new FormData()
    form.append('file', body)
    for (const given of [body, form]) {
      const error = await rejection(httpRequest(origin.url, { method, body: given, retries: 2 }))
      assert.ok(error instanceof Error, `${error}`)
    }
    assert.equal(origin.requests.length, 1)
  })

  test('is not sent by a call that was aborted while it was read', async (t) => {
    const origin = await startOrigin(t)
    const controller = new AbortController()
    const { signal } = controller
    const promise = httpRequest(origin.url, { method, body: new Blob([text]), signal })
    controller.abort()
    assert.equal((await rejection(promise)).name, 'AbortError')
    assert.equal(origin.requests.length, 0)
  })
})

describe('the other functions send them, too', () => {
  test('httpJson and httpText, with the type of the body or else their own', async (t) => {
    const origin = await startOrigin(t, { body: '{}' })
    for (const [body, json, plain] of [
      [new URLSearchParams({ a: 'b' }), /^application\/x-www-form-urlencoded;charset=UTF-8$/],
      [form(), /^multipart\/form-data; boundary=/],
      [new Blob(['{}'], { type: 'x/y' }), /^x\/y$/],
      [new Blob(['{}']), /^application\/json$/, /^text\/plain$/],
      [new Uint16Array(2), /^application\/json$/, /^text\/plain$/],
    ]) {
      origin.requests.length = 0
      await httpJson(origin.url, { method, body })
      await httpText(origin.url, { method, body })
      const types = origin.requests.map(({ headers }) => headers['content-type'])
      assert.match(types[0], json)
      assert.match(types[1], plain ?? json)
    }
  })

  test('HttpClient', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, { status: 503 }, {}])
    const client = new HttpClient({ baseUrl: origin.url, retryDelay: 1, cache: 'memory' })
    await client.request('/', { method, body: form() })
    assert.equal(origin.requests.length, 3)
    assert.match(origin.requests[2].headers['content-type'], /^multipart\/form-data; boundary=/)
    assert.ok(origin.requests[0].body.equals(origin.requests[2].body))
  })
})

describe('a body that streams', () => {
  const chunks = ['one, ', new TextEncoder().encode('two, '), new DataView(bytes.slice().buffer)]
  async function* generate() {
    yield* chunks
  }
  for (const [what, make] of [
    ['a web stream', () => Readable.toWeb(Readable.from(chunks))],
    ['the body of a Response', () => new Response(`one, two, ${text}`).body],
    ['an async generator', generate],
    ['an async iterable', () => ({ [Symbol.asyncIterator]: generate })],
    [
      'an async iterator without return',
      () => {
        const iterator = generate()
        return { [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) }
      },
    ],
  ]) {
    test(`as ${what} arrives whole, in chunks`, async (t) => {
      const origin = await startOrigin(t)
      await httpRequest(origin.url, { method, body: make() })
      const [{ headers, body }] = origin.requests
      assert.equal(body.toString(), `one, two, ${text}`)
      assert.equal(headers['transfer-encoding'], 'chunked')
    })

    test(`as ${what} cannot be retried`, async (t) => {
      const origin = await startOrigin(t)
      const error = await rejection(httpRequest(origin.url, { method, body: make(), retries: 1 }))
      assert.match(error.message, /^Streaming body .*cannot be used with retries/)
      assert.equal(origin.connections, 0)
    })
  }

  test('is sent by httpJson and by HttpClient, whose retries do not apply', async (t) => {
    const origin = await startOrigin(t, { body: '{}' })
    await httpJson(origin.url, { method, body: generate() })
    await new HttpClient({ baseUrl: origin.url }).request('/', { method, body: generate() })
    assert.deepEqual(
      origin.requests.map(({ body }) => body.toString()),
      [`one, two, ${text}`, `one, two, ${text}`],
    )
  })

  test('is refused if somebody reads it, or has read it', async (t) => {
    const origin = await startOrigin(t)
    const locked = new Response('x').body
    locked.getReader()
    const read = new Response('x')
    await read.text()
    for (const body of [locked, read.body]) {
      const error = await rejection(httpRequest(origin.url, { method, body }))
      assert.ok(error instanceof TypeError, `${error}`)
      assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
      assert.match(error.message, /options\.body/)
    }
    assert.equal(origin.connections, 0)
  })

  test('rejects the call with its own error', async (t) => {
    const origin = await startFlowOrigin(t, (incoming) => incoming.resume())
    const reason = new Error('the source failed')
    async function* failing() {
      yield 'some'
      throw reason
    }
    const web = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(5)),
      pull: (controller) => controller.error(reason),
    })
    for (const body of [failing(), web]) {
      assert.equal(await rejection(httpRequest(origin.url, { method, body })), reason)
    }
  })

  /** A stream that gives a few bytes and then nothing, and says whether it was cancelled. */
  function stalled() {
    const state = { ended: 0 }
    const web = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(5)),
      cancel: () => {
        state.ended += 1
      },
    })
    let given = false
    const iterable = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          if (given) return new Promise(() => {})
          given = true
          return { value: 'some', done: false }
        },
        return: async () => {
          state.ended += 1
          return { done: true }
        },
      }),
    }
    return { web, iterable, state }
  }

  for (const kind of ['web', 'iterable']) {
    for (const [when, call] of [
      ['nobody listens', async (_t, body) => httpRequest(await unusedUrl(), { method, body })],
      [
        'the time is up',
        async (t, body) => {
          const origin = await startFlowOrigin(t, (incoming) => incoming.resume())
          return httpRequest(origin.url, { method, body, timeout: 200 })
        },
      ],
      [
        'the signal had fired',
        async (_t, body) =>
          httpRequest(await unusedUrl(), { method, body, signal: AbortSignal.abort() }),
      ],
      [
        'the server breaks off',
        async (t, body) => {
          const origin = await startFlowOrigin(t, ({ socket }) => socket.resetAndDestroy())
          return httpRequest(origin.url, { method, body })
        },
      ],
    ]) {
      test(`as ${kind} is cancelled when ${when}`, async (t) => {
        const source = stalled()
        await rejection(call(t, source[kind]))
        await until(() => source.state.ended === 1, 'the source is cancelled')
      })
    }
  }

  test('that fails while it is cancelled harms nobody', async () => {
    const web = new ReadableStream({
      cancel() {
        throw new Error('from cancel')
      },
    })
    const body = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          throw new Error('from return')
        },
      }),
    }
    for (const each of [web, body]) {
      const error = await rejection(httpRequest(await unusedUrl(), { method, body: each }))
      assert.ok(codes(error).includes('ECONNREFUSED'), `the codes are ${codes(error)}`)
    }
  })
})

describe('a body of another realm', () => {
  const context = createContext({ TextEncoder })
  const foreign = (code) => runInContext(code, context)

  for (const [what, body, expected] of [
    ['a Uint8Array', foreign('new Uint8Array([104, 105])'), 'hi'],
    ['an ArrayBuffer', foreign('new Uint8Array([104, 105]).buffer'), 'hi'],
    ['a DataView', foreign('new DataView(new Uint8Array([0, 104, 105]).buffer, 1)'), 'hi'],
    ['a SharedArrayBuffer', foreign('new SharedArrayBuffer(2)'), '\0\0'],
    ['a generator', foreign('(async function* () { yield "h"; yield "i" })()'), 'hi'],
  ]) {
    test(`${what} is sent`, async (t) => {
      const origin = await startOrigin(t)
      await httpRequest(origin.url, { method, body })
      assert.equal(origin.requests[0].body.toString(), expected)
    })
  }

  /** Classes as browser simulations have them: no relatives of those of Node.js. */
  class OtherBlob {
    constructor(content, type, name) {
      Object.assign(this, { content, type, name })
    }
    async arrayBuffer() {
      return new TextEncoder().encode(this.content).buffer
    }
    get [Symbol.toStringTag]() {
      return this.name === undefined ? 'Blob' : 'File'
    }
  }
  const entries = [
    ['a', 'é'],
    ['b', new OtherBlob('x', 'x/y', 'n"ame')],
    ['c', new OtherBlob('x', '')],
  ]
  const otherForm = {
    [Symbol.toStringTag]: 'FormData',
    [Symbol.iterator]: () => entries[Symbol.iterator](),
  }

  test('FormData and Blob of other classes are sent as those of Node.js', async (t) => {
    const origin = await startOrigin(t)
    await httpRequest(origin.url, { method, body: otherForm })
    await httpRequest(origin.url, { method, body: new OtherBlob(text, 'x/y') })
    const [{ headers, body }, blob] = origin.requests
    const received = await new Response(body, { headers }).formData()
    const shown = []
    for (const [name, value] of received) {
      const isFile = typeof value !== 'string'
      shown.push([name, isFile ? await value.text() : value, value.name, value.type])
    }
    assert.deepEqual(shown, [
      ['a', 'é', undefined, undefined],
      ['b', 'x', 'n"ame', 'x/y'],
      ['c', 'x', 'blob', 'application/octet-stream'],
    ])
    assert.equal(`${blob.body}`, text)
    assert.equal(blob.headers['content-type'], 'x/y')
  })

  test('URLSearchParams and ReadableStream of other classes are sent', async (t) => {
    const origin = await startOrigin(t)
    const params = { [Symbol.toStringTag]: 'URLSearchParams', toString: () => 'a=b' }
    const given = ['one', 'two'].map((each) => new TextEncoder().encode(each))
    const stream = {
      locked: false,
      getReader: () => ({
        read: async () => ({ done: given.length === 0, value: given.shift() }),
        cancel: async () => {},
      }),
    }
    await httpRequest(origin.url, { method, body: params })
    await httpRequest(origin.url, { method, body: stream })
    assert.deepEqual(
      origin.requests.map(({ body, headers }) => [`${body}`, headers['content-type']]),
      [
        ['a=b', 'application/x-www-form-urlencoded;charset=UTF-8'],
        ['onetwo', undefined],
      ],
    )
  })
})

describe('a value that is no body', () => {
  for (const [what, body] of [
    ['an object', {}],
    ['an array', ['a']],
    ['a Map', new Map()],
    ['a promise', Promise.resolve('x')],
    ['a Date', new Date()],
    ['a URL', new URL('http://localhost')],
    ['a String object', Object('x')],
    ['something that is only called a Blob', { [Symbol.toStringTag]: 'Blob' }],
    ['something that is only called FormData', { [Symbol.toStringTag]: 'FormData' }],
  ]) {
    test(`${what} is refused`, async (t) => {
      const origin = await startOrigin(t)
      const error = await rejection(httpRequest(origin.url, { method, body }))
      assert.ok(error instanceof TypeError, `${error}`)
      assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
      assert.match(error.message, /^The argument "options\.body" must be/)
      assert.equal(origin.connections, 0)
    })
  }
})

test('a form of many megabytes arrives whole', async (t) => {
  const content = randomBytes(24 << 20)
  const origin = await startFlowOrigin(t, async (incoming, response) => {
    response.end(await readBody(incoming))
  })
  const body = new FormData()
  body.append('file', new Blob([content]))
  const response = await httpRequest(origin.url, { method, body })
  assert.ok(response.body.includes(content))
})

test('bodies and headers are recognized by a package in a context of its own', async () => {
  const { stdout, stderr, code } = await runProgram('sandbox.mjs')
  assert.equal(stdout.trim(), 'settled', stderr)
  assert.equal(code, 0)
})
