// Which transport a call uses, and what the other one refuses.

import assert from 'node:assert/strict'
import http from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import {
  downloadWithLock,
  fetchChecksumFile,
  HttpClient,
  httpDownload,
  httpGetText,
  httpRequest,
} from '@socketsecurity/registry'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { rejection, runProgram, temporaryDirectory } from '../helpers/support.mjs'

const NAME = 'SOCKET_HTTP_TRANSPORT'

/** Which requests went through node:http since the last look. */
let seen = []
const { request } = http

beforeEach(() => {
  seen = []
  http.request = (url, ...others) => {
    seen.push(String(url))
    return request(url, ...others)
  }
})

afterEach(() => {
  http.request = request
  delete process.env[NAME]
})

describe('a call', () => {
  test('goes through node:http only with the option', async (t) => {
    const origin = await startOrigin(t, { body: 'real' })
    assert.equal(await httpGetText(origin.url), 'real')
    assert.equal(await httpGetText(origin.url, { transport: 'native' }), 'real')
    assert.deepEqual(seen, [])
    assert.equal(await httpGetText(origin.url, { transport: 'node' }), 'real')
    assert.deepEqual(seen, [`${origin.url}/`])
  })

  test('may be any', async (t) => {
    const origin = await startOrigin(t, { body: '' })
    const directory = temporaryDirectory(t)
    const options = { transport: 'node' }
    await httpDownload(`${origin.url}/1`, join(directory, '1'), options)
    await downloadWithLock(`${origin.url}/2`, join(directory, '2'), options)
    await fetchChecksumFile(`${origin.url}/3`, options)
    assert.deepEqual(
      seen,
      ['1', '2', '3'].map((path) => `${origin.url}/${path}`),
    )
  })

  test('decides before the client, the client before the variable', async (t) => {
    const origin = await startOrigin(t)
    process.env[NAME] = 'native'
    const client = new HttpClient({ baseUrl: origin.url, transport: 'node' })
    await client.request('/1')
    await client.request('/2', { transport: 'native' })
    await client.download('/3', join(temporaryDirectory(t), 'file'))
    assert.deepEqual(seen, [`${origin.url}/1`, `${origin.url}/3`])
  })

  test('is refused a transport that there is not', async () => {
    for (const [transport, code] of [
      ['undici', 'ERR_INVALID_ARG_VALUE'],
      ['', 'ERR_INVALID_ARG_VALUE'],
      [true, 'ERR_INVALID_ARG_TYPE'],
      [null, 'ERR_INVALID_ARG_TYPE'],
    ]) {
      const error = await rejection(httpRequest('http://127.0.0.1:9', { transport }))
      assert.ok(error instanceof TypeError)
      assert.equal(error.code, code)
      assert.match(error.message, /"options\.transport" must be 'native' or 'node'/)
      assert.throws(() => new HttpClient({ transport }), { code })
    }
  })
})

describe(NAME, () => {
  test('decides for calls that say nothing, as it is when they are made', async (t) => {
    const origin = await startOrigin(t)
    process.env[NAME] = 'node'
    await httpRequest(`${origin.url}/1`)
    await httpRequest(`${origin.url}/2`, { transport: 'native' })
    process.env[NAME] = ''
    await httpRequest(`${origin.url}/3`)
    assert.deepEqual(seen, [`${origin.url}/1`])
  })

  test('rejects with its name for another value', async () => {
    process.env[NAME] = 'http'
    const error = await rejection(httpRequest('http://127.0.0.1:9'))
    assert.equal(error.message, `${NAME} must be 'native' or 'node'. Received "http"`)
    assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
  })
})

describe('an interceptor of node:http', () => {
  // nock 14 and MSW 2 have specs of their own. Whoever only replaces `http.request`, as this spec
  // does, is none.
  const source = Symbol.for('node-http-request-source')

  test('of nock 15 and MSW 3 is recognized while it is active', async (t) => {
    const origin = await startOrigin(t)
    const interceptor = { readyState: 'INACTIVE' }
    globalThis.__MSW_INTERCEPTORS_REGISTRY = new Map([[source, interceptor]])
    t.after(() => delete globalThis.__MSW_INTERCEPTORS_REGISTRY)
    for (const readyState of ['INACTIVE', 'ACTIVE', 'DISPOSED']) {
      interceptor.readyState = readyState
      await httpRequest(`${origin.url}/${readyState}`)
    }
    assert.deepEqual(seen, [`${origin.url}/ACTIVE`])
  })

  test('of nock 13 is recognized while it is active', async (t) => {
    const origin = await startOrigin(t)
    const { ClientRequest } = http
    t.after(() => {
      http.ClientRequest = ClientRequest
    })
    await httpRequest(`${origin.url}/before`)
    const replaced = http.request
    http.ClientRequest = function OverriddenClientRequest() {}
    http.request = (...all) => replaced(...all)
    await httpRequest(`${origin.url}/active`)
    http.ClientRequest = ClientRequest
    http.request = replaced
    await httpRequest(`${origin.url}/after`)
    assert.deepEqual(seen, [`${origin.url}/active`])
  })

  test('is ignored where the variable is native', async (t) => {
    const origin = await startOrigin(t)
    globalThis.__MSW_INTERCEPTORS_REGISTRY = new Map([[source, { readyState: 'ACTIVE' }]])
    t.after(() => delete globalThis.__MSW_INTERCEPTORS_REGISTRY)
    process.env[NAME] = 'native'
    await httpRequest(origin.url)
    assert.deepEqual(seen, [])
  })
})

describe('a proxy', () => {
  test('of the call or the client is refused, not ignored', async (t) => {
    const origin = await startOrigin(t)
    const proxy = 'http://user:secret@127.0.0.1:9'
    const message = /^The argument "options\.proxy" cannot be used with the transport 'node'/
    for (const call of [
      httpRequest(origin.url, { proxy, transport: 'node' }),
      httpDownload(origin.url, join(temporaryDirectory(t), 'file'), { proxy, transport: 'node' }),
      new HttpClient({ proxy }).request(origin.url, { transport: 'node' }),
      new HttpClient({ transport: 'node' }).request(origin.url, { proxy }),
    ]) {
      const error = await rejection(call)
      assert.match(error.message, message)
      assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
    }
    assert.throws(() => new HttpClient({ proxy, transport: 'node' }), { message })
    assert.equal(origin.requests.length, 0)
  })

  test('can be turned off', async (t) => {
    const origin = await startOrigin(t)
    await httpRequest(origin.url, { proxy: false, transport: 'node' })
    assert.equal(origin.requests.length, 1)
  })

  test('of the environment is left to agents', async (t) => {
    const origin = await startOrigin(t)
    const { http_proxy, no_proxy, NO_PROXY } = process.env
    t.after(() => Object.assign(process.env, { http_proxy, no_proxy, NO_PROXY }))
    Object.assign(process.env, { http_proxy: 'http://127.0.0.1:9', no_proxy: '', NO_PROXY: '' })
    await httpRequest(origin.url, { transport: 'node' })
    assert.equal(origin.requests.length, 1)
  })
})

test('node:http is not loaded before a call needs it', async () => {
  const { stdout, stderr } = await runProgram('loads-http.mjs')
  assert.equal(stderr, '')
  assert.deepEqual(JSON.parse(stdout), { required: false, native: false, node: true })
})
