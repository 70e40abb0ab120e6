import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { httpRequest } from '@socketsecurity/registry/lib/http-request'
import { redirectTo, startOrigin } from '../helpers/origins/http-origin.mjs'
import { raw, sayAndClose, startRawOrigin, unusedUrl } from '../helpers/origins/raw-origin.mjs'
import { codes, rejection, temporaryDirectory } from '../helpers/support.mjs'

const credentials = {
  Authorization: 'Bearer hunter2',
  Cookie: 'session=hunter2',
  'Proxy-Authorization': 'Basic hunter2',
  'X-API-Key': 'hunter2',
  'X-Auth-Token': 'hunter2',
  'X-Tokens-Of-Trust': 'hunter2',
  'Client-Secret': 'hunter2',
}

for (const status of [301, 302, 307, 308]) {
  test(`a ${status} keeps the method and the body`, async (t) => {
    const origin = await startOrigin(t, [redirectTo('/end', status), { body: 'end' }])
    const body = Buffer.from([0, 1, 2, 255])
    const headers = { 'Content-Type': 'application/x-bytes' }
    const response = await httpRequest(`${origin.url}/start`, { method: 'POST', headers, body })
    assert.equal(response.status, 200)
    assert.equal(response.text(), 'end')
    assert.equal(origin.requests.length, 2)
    const [, second] = origin.requests
    assert.equal(second.path, '/end')
    assert.equal(second.method, 'POST')
    assert.deepEqual(second.body, body)
    assert.equal(second.headers['content-type'], 'application/x-bytes')
  })
}

for (const method of ['POST', 'PUT', 'DELETE']) {
  test(`a 303 after ${method} becomes GET without a body`, async (t) => {
    const origin = await startOrigin(t, [redirectTo('/end', 303), { body: 'end' }])
    const response = await httpRequest(`${origin.url}/start`, { method, body: 'form' })
    assert.equal(response.text(), 'end')
    const [, second] = origin.requests
    assert.equal(second.method, 'GET')
    assert.equal(second.body.length, 0)
    assert.ok([undefined, '0'].includes(second.headers['content-length']))
    assert.equal(second.headers['transfer-encoding'], undefined)
  })
}

for (const [location, expected] of [
  ['/absolute?x=1', '/absolute?x=1'],
  ['next', '/a/b/next'],
  ['../next', '/a/next'],
  ['?only=query', '/a/b/start?only=query'],
  ['./c/./d/../e', '/a/b/c/e'],
]) {
  test(`the Location ${location} is resolved against the URL of its response`, async (t) => {
    const origin = await startOrigin(t, [redirectTo(location), {}])
    await httpRequest(`${origin.url}/a/b/start?y=2`)
    assert.equal(origin.requests[1].path, expected)
  })
}

test('a Location with an authority and no scheme keeps the scheme', async (t) => {
  const other = await startOrigin(t, { body: 'other' })
  const origin = await startOrigin(t, redirectTo(`//127.0.0.1:${other.port}/there`))
  assert.equal((await httpRequest(origin.url)).text(), 'other')
  assert.equal(other.requests[0].path, '/there')
})

test('a redirect is handed over when they are not to be followed', async (t) => {
  const origin = await startOrigin(t, redirectTo('/end', 301))
  const response = await httpRequest(origin.url, { followRedirects: false })
  assert.equal(response.status, 301)
  assert.equal(response.ok, false)
  assert.equal(response.headers.location, '/end')
  assert.equal(response.text(), 'moved')
  assert.equal(origin.requests.length, 1)
})

test('five redirects are followed by default', async (t) => {
  const origin = await startOrigin(t, [
    ...Array.from({ length: 5 }, (_, index) => redirectTo(`/${index}`)),
    { body: 'end' },
  ])
  assert.equal((await httpRequest(origin.url)).text(), 'end')
  assert.equal(origin.requests.length, 6)
})

for (const [options, limit] of [
  [{}, 5],
  [{ maxRedirects: 0 }, 0],
  [{ maxRedirects: 1 }, 1],
  [{ maxRedirects: 8 }, 8],
]) {
  const name = options.maxRedirects === undefined ? 'the default' : `a maximum of ${limit}`
  test(`more redirects than ${name} reject after ${limit + 1} requests`, async (t) => {
    const origin = await startOrigin(t, redirectTo('/again'))
    const error = await rejection(httpRequest(origin.url, options))
    assert.equal(error.message, `Too many redirects (exceeded maximum: ${limit})`)
    assert.equal(error.code, 'ERR_TOO_MANY_REDIRECTS')
    assert.equal(origin.requests.length, limit + 1)
  })
}

test('too many redirects are not tried again', async (t) => {
  const origin = await startOrigin(t, redirectTo('/again'))
  await rejection(httpRequest(origin.url, { maxRedirects: 2, retries: 3, retryDelay: 1 }))
  assert.equal(origin.requests.length, 3)
})

for (const status of [301, 304]) {
  test(`a ${status} without a Location is returned as the response`, async (t) => {
    const origin = await startOrigin(t, { status })
    const response = await httpRequest(origin.url)
    assert.equal(response.status, status)
    assert.equal(origin.requests.length, 1)
  })
}

for (const location of ['http://[::1', 'http://127.0.0.1:99999/', 'http://', 'http://a b/']) {
  test(`the Location ${location}, which is no URL, rejects`, async (t) => {
    const head = [`Location: ${location}`, 'Content-Length: 0']
    const origin = await startRawOrigin(t, sayAndClose(raw('HTTP/1.1 302 Found', head)))
    const error = await rejection(httpRequest(origin.url, { retries: 2, retryDelay: 1 }))
    assert.ok(error instanceof Error)
    assert.ok(
      ['ERR_REDIRECT_REFUSED', 'ERR_INVALID_URL'].some((code) => codes(error).includes(code)),
      `the codes are ${codes(error)}`,
    )
    assert.equal(origin.heads.length, 1)
  })
}

for (const location of ['ftp://127.0.0.1/x', 'data:text/plain,x', 'javascript:alert(1)']) {
  test(`the Location ${location} is refused for its scheme`, async (t) => {
    const origin = await startOrigin(t, redirectTo(location))
    const error = await rejection(httpRequest(origin.url, { retries: 2, retryDelay: 1 }))
    assert.equal(error.message, `Redirect Location has an unsupported scheme: ${location}`)
    assert.equal(error.code, 'ERR_REDIRECT_REFUSED')
    assert.equal(origin.requests.length, 1)
  })
}

test('a redirect to a local file is refused', async (t) => {
  const directory = temporaryDirectory(t)
  mkdirSync(join(directory, 'etc'))
  writeFileSync(join(directory, 'etc', 'passwd'), 'hunter2')
  const { href } = pathToFileURL(join(directory, 'etc', 'passwd'))
  const origin = await startOrigin(t, redirectTo(href))
  const error = await rejection(httpRequest(origin.url))
  assert.ok(error.message.startsWith('Redirect Location has an unsupported scheme: '))
  assert.equal(error.code, 'ERR_REDIRECT_REFUSED')
})

test('a redirect from https to http is refused', async (t) => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.after(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED)
  const plain = await startOrigin(t)
  const origin = await startOrigin(t, redirectTo(`${plain.url}/plain`), { secure: true })
  const error = await rejection(httpRequest(origin.url))
  assert.ok(error.message.startsWith('Redirect from HTTPS to HTTP is not allowed: '), error.message)
  assert.equal(error.code, 'ERR_REDIRECT_REFUSED')
  assert.equal(origin.requests.length, 1)
  assert.equal(plain.connections, 0)
})

test('a redirect from http to https is followed', async (t) => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.after(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED)
  const secure = await startOrigin(t, { body: 'secure' }, { secure: true })
  const origin = await startOrigin(t, redirectTo(`${secure.url}/`))
  assert.equal((await httpRequest(origin.url)).text(), 'secure')
})

test('credentials stay when the origin stays', async (t) => {
  const origin = await startOrigin(t, [redirectTo('/end'), {}])
  const { 'Proxy-Authorization': _, ...headers } = credentials
  await httpRequest(`${origin.url}/start`, { headers })
  for (const [name, value] of Object.entries(headers)) {
    assert.equal(origin.requests[1].headers[name.toLowerCase()], value, name)
  }
})

test('credentials are dropped when the origin changes, other headers are not', async (t) => {
  const other = await startOrigin(t)
  const origin = await startOrigin(t, redirectTo(`${other.url}/`, 307))
  const headers = { ...credentials, Accept: 'text/csv', 'X-Plain': 'yes' }
  await httpRequest(origin.url, { method: 'POST', headers, body: 'kept' })
  const [received] = other.requests
  for (const name of Object.keys(credentials)) {
    assert.equal(received.headers[name.toLowerCase()], undefined, name)
  }
  assert.ok(!JSON.stringify(received.headers).includes('hunter2'))
  assert.equal(received.headers.accept, 'text/csv')
  assert.equal(received.headers['x-plain'], 'yes')
  assert.equal(received.headers.host, `127.0.0.1:${other.port}`)
  assert.equal(received.body.toString(), 'kept')
})

test('another name for the same machine is another origin', async (t) => {
  const origin = await startOrigin(t, ({ headers }) =>
    headers.host.startsWith('127.') ? redirectTo(`http://localhost:${origin.port}/`) : {},
  )
  await httpRequest(origin.url, { headers: credentials })
  assert.equal(origin.requests.length, 2)
  assert.ok(!JSON.stringify(origin.requests[1].headers).includes('hunter2'))
})

test('no redirected request has a Referer', async (t) => {
  const other = await startOrigin(t)
  const origin = await startOrigin(t, [redirectTo('/next'), redirectTo(`${other.url}/`)])
  await httpRequest(`${origin.url}/start?token=hunter2`)
  const hops = [...origin.requests, ...other.requests]
  assert.equal(hops.length, 3)
  for (const { headers } of hops) {
    assert.equal(headers.referer, undefined)
  }
})

test('a redirect to a port at which nobody listens rejects with ECONNREFUSED', async (t) => {
  const origin = await startOrigin(t, redirectTo(`${await unusedUrl()}/`))
  const error = await rejection(httpRequest(origin.url))
  assert.ok(codes(error).includes('ECONNREFUSED'), `the codes are ${codes(error)}`)
})
