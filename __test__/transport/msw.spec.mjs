// Tests of callers with MSW.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import {
  downloadWithLock,
  HttpClient,
  httpDownload,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
} from '@socketsecurity/registry'
import { delay, HttpResponse, http, passthrough } from 'msw'
import { setupServer } from 'msw/node'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, temporaryDirectory } from '../helpers/support.mjs'

const API = 'https://api.example.test'

const server = setupServer()
before(() => server.listen({ onUnhandledRequest: 'bypass' }))
afterEach(() => server.resetHandlers())
after(() => server.close())

describe('handlers of MSW', () => {
  test('respond to requests, with their body and header fields', async () => {
    server.use(
      http.post(`${API}/items/:id`, async ({ request, params }) =>
        HttpResponse.json(
          { id: params.id, sent: await request.json(), token: request.headers.get('x-token') },
          { status: 201, headers: { ETag: '"a"' } },
        ),
      ),
    )
    const options = { method: 'POST', headers: { 'X-Token': 't' }, body: '{"a":1}' }
    const response = await httpRequest(`${API}/items/7`, options)
    assert.equal(response.status, 201)
    assert.equal(response.headers.etag, '"a"')
    assert.deepEqual(response.json(), { id: '7', sent: { a: 1 }, token: 't' })
  })

  test('see each attempt', async () => {
    let count = 0
    server.use(
      http.get(API, () => {
        count += 1
        return count < 3 ? new HttpResponse(null, { status: 503 }) : HttpResponse.json({ count })
      }),
    )
    assert.deepEqual(await httpGetJson(API, { retries: 2, retryDelay: 1 }), { count: 3 })
  })

  test('fail as a network does, which is retried', async () => {
    let count = 0
    server.use(
      http.get(API, () => {
        count += 1
        return count === 1 ? HttpResponse.error() : HttpResponse.text('ok')
      }),
    )
    const response = await httpRequest(API, { retries: 1, retryDelay: 1 })
    assert.equal(response.text(), 'ok')
    assert.equal(response.attempts, 2)
  })

  test('redirect', async () => {
    server.use(
      http.get(`${API}/a`, () => HttpResponse.redirect(`${API}/b`, 302)),
      http.get(`${API}/b`, () => HttpResponse.text('there')),
    )
    assert.equal(await httpGetText(`${API}/a`), 'there')
  })

  test('give streams, which downloads write and verify', async (t) => {
    const bytes = Buffer.alloc(500_000, 'socket registry ')
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const body = () => new Blob([bytes]).stream()
    server.use(http.get(`${API}/file`, () => new HttpResponse(body())))
    const directory = temporaryDirectory(t)
    await httpDownload(`${API}/file`, join(directory, 'a'), { sha256 })
    await downloadWithLock(`${API}/file`, join(directory, 'b'), { sha256 })
  })

  test('that are slow run into the timeout', async () => {
    server.use(
      http.get(API, async () => {
        await delay('infinite')
      }),
    )
    const error = await rejection(httpRequest(API, { timeout: 50 }))
    assert.equal(error.code, 'ERR_TIMEOUT')
  })

  test('that throw are servers that fail', async () => {
    server.use(
      http.get(API, () => {
        throw new Error('a defect of the handler')
      }),
    )
    const error = await rejection(httpJson(API))
    assert.equal(error.status, 500)
  })

  test('serve the calls of a client', async () => {
    server.use(http.get(`${API}/v0/quota`, () => HttpResponse.json({ quota: 1 })))
    const client = new HttpClient({ baseUrl: `${API}/v0`, cache: 'memory' })
    assert.deepEqual(await client.getJson('/quota'), { quota: 1 })
    assert.deepEqual(await client.getJson('/quota'), { quota: 1 })
  })
})

describe('the network', () => {
  test('is reached by passthrough, and where there is no handler', async (t) => {
    const origin = await startOrigin(t, { body: 'real' })
    server.use(http.get(`${origin.url}/passed`, () => passthrough()))
    assert.equal(await httpGetText(`${origin.url}/passed`), 'real')
    assert.equal(await httpGetText(`${origin.url}/other`), 'real')
    assert.equal(origin.requests.length, 2)
  })

  test('is not reached, and not tried again, where that is an error', async (t) => {
    const origin = await startOrigin(t)
    server.close()
    server.listen({ onUnhandledRequest: 'error' })
    t.after(() => {
      server.close()
      server.listen({ onUnhandledRequest: 'bypass' })
    })
    t.mock.method(console, 'error', () => {})
    const error = await rejection(httpRequest(origin.url, { retries: 3, retryDelay: 60_000 }))
    assert.equal(origin.requests.length, 0)
    assert.equal(error.attempts, 1)
  })

  test('is reached natively once the server is closed', async (t) => {
    const origin = await startOrigin(t, { body: 'real' })
    server.use(http.get(origin.url, () => HttpResponse.text('mocked')))
    assert.equal(await httpGetText(origin.url), 'mocked')
    server.close()
    t.after(() => server.listen({ onUnhandledRequest: 'bypass' }))
    assert.equal(await httpGetText(origin.url), 'real')
  })
})
