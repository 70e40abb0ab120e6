// NODE_DEBUG=socket-registry: a line for each decision that a person asks about, and no secret in
// any.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createSecureServer } from 'node:https'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { foundAuthority, whyNoAuthority } from '../helpers/origins/authority.mjs'
import { listen, serve } from '../helpers/origins/listen.mjs'
import { startProxy } from '../helpers/origins/proxy-origin.mjs'
import { startJob } from '../helpers/processes/job-process.mjs'
import { deadPid, lockPathOf, setStage } from '../helpers/processes/lock-stage.mjs'
import { temporaryDirectory, until } from '../helpers/support.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ON = { NODE_DEBUG: 'socket-registry' }
const SECRET = 'hunter2-s3cret'
const LINE = /^SOCKET-REGISTRY \d+: (.*)$/

/**
 * Runs a program with all functions of the package; the lines that it writes, without their
 * beginning.
 */
async function linesOf(program, env = ON) {
  const whole = `
    import * as registry from '@socketsecurity/registry'
    const { HttpClient, downloadWithLock, httpDownload, httpGetText, httpRequest } = registry
    ${program}`
  const child = spawn(process.execPath, ['--input-type=module', '--no-warnings', '-e', whole], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 0, stderr)
  const lines = stderr.split('\n').filter((line) => line.startsWith('SOCKET-REGISTRY'))
  for (const line of lines) assert.match(line, LINE)
  assert.ok(!stderr.includes(SECRET), stderr)
  return lines.map((line) => line.match(LINE)[1])
}

function assertSome(lines, expected) {
  assert.ok(
    lines.some((line) => expected.test(line)),
    `${expected} in\n${lines.join('\n')}`,
  )
}

describe('lines', () => {
  test('are written for this section of NODE_DEBUG, and for no other', async (t) => {
    const { url } = await serve(t, 'HTTP/1.1', (_, response) => response.end())
    const program = `await httpRequest('${url}')`
    for (const [value, isOn] of [
      ['socket-registry', true],
      ['http,Socket-Registry', true],
      ['socket-*', true],
      ['*', true],
      ['', false],
      ['http', false],
      ['socket', false],
    ]) {
      const lines = await linesOf(program, { NODE_DEBUG: value })
      assert.equal(lines.length > 0, isOn, `${value}: ${lines.join('\n')}`)
    }
  })

  test('belong to the thread whose variables ask for them', async (t) => {
    const { url } = await serve(t, 'HTTP/1.1', (_, response) => response.end())
    const lines = await linesOf(
      `import { once } from 'node:events'
      import { Worker } from 'node:worker_threads'
      const code = \`import('@socketsecurity/registry').then(({ httpRequest }) => httpRequest('${url}worker'))\`
      await once(new Worker(code, { eval: true, env: { NODE_DEBUG: 'socket-registry' } }), 'exit')
      await httpRequest('${url}main')
      process.env.NODE_DEBUG = 'socket-registry'
      await httpRequest('${url}later')`,
      { NODE_DEBUG: '' },
    )
    assertSome(lines, /^GET .*\/worker: 200 OK/)
    assertSome(lines, /^GET .*\/later: 200 OK/)
    assert.ok(!lines.some((line) => line.includes('/main')), lines.join('\n'))
  })

  test('cannot be broken into several by a server', async (t) => {
    const { url } = await serve(t, 'HTTP/1.1', (_, response) => {
      response.writeHead(200, 'a\tb').end()
    })
    assertSome(await linesOf(`await httpRequest('${url}')`), /: 200 \S/)
  })
})

describe('requests', () => {
  test('name the proxy, and the setting that chose it', async (t) => {
    const { url, port } = await serve(t, 'HTTP/1.1', (_, response) => response.end())
    const proxy = await startProxy(t, { port })
    const lines = await linesOf(
      `await httpRequest('${url}1')
      await httpRequest('${url}2', { proxy: false })
      await httpRequest('${url}3', { proxy: 'http://u:${SECRET}@${proxy.host}' })
      process.env.no_proxy = 'a.test localhost'
      await httpRequest('${url}4')
      delete process.env.HTTP_PROXY
      await httpRequest('${url}5')
      process.env.HTTP_PROXY = '${proxy.host}'
      process.env.REQUEST_METHOD = 'GET'
      delete process.env.no_proxy
      await httpRequest('${url}6')`,
      { ...ON, HTTP_PROXY: `http://u:${SECRET}@${proxy.host}` },
    )
    const said = lines.filter((line) => line.includes('proxy'))
    assert.deepEqual(
      said.map((line) => line.replace(url, '/')),
      [
        `GET /1: proxy http://${proxy.host} (HTTP_PROXY)`,
        'GET /2: no proxy (option proxy)',
        `GET /3: proxy http://${proxy.host} (option proxy)`,
        'GET /4: no proxy (no_proxy: localhost)',
        'GET /5: no proxy (none is set)',
        'GET /6: no proxy (HTTP_PROXY is ignored in a CGI program, where REQUEST_METHOD is set)',
      ],
    )
  })

  test('say whether their connection was opened or reused, and its protocol', async (t) => {
    for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
      const { url, port } = await serve(t, protocol, (_, response) => response.end('ok'))
      const lines = await linesOf(
        `for (const path of ['1', '2']) await httpRequest('${url}' + path)`,
        { ...ON, NODE_TLS_REJECT_UNAUTHORIZED: '0' },
      )
      const connection = `connection to 127\\.0\\.0\\.1:${port}`
      const times = ' \\(lookup \\d+ ms, connect \\d+ ms\\)'
      assertSome(lines, new RegExp(`/1: 200 OK, ${protocol}, new ${connection}${times}$`))
      assertSome(lines, new RegExp(`/2: 200 OK, ${protocol}, reused ${connection}$`))
    }
  })

  test('say where redirects lead, and as which method', async (t) => {
    const { url } = await serve(t, 'HTTP/1.1', (request, response) => {
      if (request.url !== '/') return response.end()
      response.writeHead(303, { location: `/next?access_token=${SECRET}` }).end()
    })
    const lines = await linesOf(`await httpRequest('${url}', { method: 'POST', body: 'x' })`)
    const next = `${url}next\\?access_token=REDACTED`
    assertSome(lines, new RegExp(`^POST ${url}: 303 redirects to ${next}, as GET$`))
    assertSome(lines, new RegExp(`^GET ${next}: 200 OK`))
  })

  test('say why and after which wait they are retried, and when they give up', async (t) => {
    let count = 0
    const { url } = await serve(t, 'HTTP/1.1', (_, response) => {
      count += 1
      response.writeHead(count % 2 ? 503 : 200).end()
    })
    const lines = await linesOf(
      `const options = { retries: 2, retryDelay: 10 }
      await httpRequest('${url}', options)
      await httpRequest('http://127.0.0.1:1/', options).catch(() => {})`,
    )
    assertSome(lines, /: attempt 1 failed, retry 1 of 2 in 1\d ms: HTTP 503: Service Unavailable/)
    assertSome(lines, /:1\/: attempt 2 failed, retry 2 of 2 in 2\d ms: .*ECONNREFUSED/)
    assertSome(lines, /:1\/: failed in attempt 3, no retry: .*ECONNREFUSED/)
    assert.ok(!lines.some((line) => line.startsWith(`GET ${url}: failed`)), lines.join('\n'))
  })

  test('say that a connection was found closed', async (t) => {
    let count = 0
    const { url } = await serve(t, 'HTTP/1.1', (request, response) => {
      count += 1
      if (count === 2) return request.socket.destroy()
      response.end('ok')
    })
    const lines = await linesOf(`for (const _ of [1, 2]) await httpRequest('${url}')`)
    assertSome(lines, /: sent again: the server had closed the kept-alive connection$/)
  })

  test('say that they go through node:http', async (t) => {
    const { url } = await serve(t, 'HTTP/1.1', (_, response) => response.end('ok'))
    const lines = await linesOf(`await httpRequest('${url}', { transport: 'node' })`)
    assert.deepEqual(lines, [`GET ${url}: 200 OK, by node:http of this process (transport 'node')`])
  })

  test('say what the cache had', async (t) => {
    const { url } = await serve(t, 'HTTP/1.1', (request, response) => {
      const headers = { etag: '"a"', 'cache-control': 'max-age=1000' }
      const isKnown = request.headers['if-none-match'] !== undefined
      response.writeHead(isKnown ? 304 : 200, headers).end(isKnown ? undefined : 'ok')
    })
    const lines = await linesOf(`
      const client = new HttpClient({ cache: 'memory' })
      await client.request('${url}')
      await client.request('${url}')
      await client.request('${url}', { headers: { 'cache-control': 'no-cache' } })`)
    const said = lines.filter((line) => line.includes('cache:'))
    assert.deepEqual(
      said.map((line) => line.split('cache: ')[1].replace(/\d+ s/, 'N s')),
      ['miss', 'hit in memory, N s old', 'revalidated, not modified, N s old'],
    )
  })

  test('say why the cache is not used', async (t) => {
    const { url } = await serve(t, 'HTTP/1.1', (_, response) => response.end('ok'))
    const file = join(temporaryDirectory(t), 'file')
    writeFileSync(file, '')
    const lines = await linesOf(`
      const client = new HttpClient({ cache: true, cacheDir: '${file}' })
      await client.request('${url}')
      await client.request('${url}2')`)
    const said = lines.filter((line) => line.includes('not used'))
    assert.equal(said.length, 1, lines.join('\n'))
    assert.ok(said[0].startsWith(`cache ${file}: not used, responses are cached in memory only: `))
  })
})

describe('trust', { skip: whyNoAuthority() }, () => {
  test('has the number of certificates of each source, and those that are not used', async (t) => {
    const directory = temporaryDirectory(t)
    const authority = foundAuthority(directory)
    const server = createSecureServer(authority.issue('server'), (_, response) => response.end())
    const url = `https://localhost:${await listen(t, server)}/`
    const missing = join(directory, 'missing.pem')
    const lines = await linesOf(
      `import { readFileSync } from 'node:fs'
      await httpRequest('${url}', { ca: [readFileSync('${authority.path}'), 'nonsense'] })
      await httpRequest('${url}').catch(() => {})`,
      { ...ON, SSL_CERT_FILE: missing },
    )
    const bundled = '\\d+ of Mozilla \\(bundled\\)'
    assertSome(
      lines,
      new RegExp(`^trust: 1 of the option ca, 0 of ${missing}, ${bundled}; those of the system`),
    )
    assertSome(lines, /^trust: `ca\[1\]` has no certificates in PEM$/)
    assertSome(lines, new RegExp(`^trust: ${missing} cannot be read`))
    assertSome(lines, /^trust: \d+ of the system.*, read to verify a server$/)
  })

  test('notes that certificates are not verified', async (t) => {
    const { url } = await serve(t, 'HTTP/2', (_, response) => response.end())
    const lines = await linesOf(`await httpRequest('${url}')`, {
      ...ON,
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    })
    assertSome(lines, /^trust: certificates are not verified \(NODE_TLS_REJECT_UNAUTHORIZED=0\)$/)
  })
})

describe('downloads', () => {
  test('say what they resume, and why they start from zero', async (t) => {
    const body = Buffer.alloc(100_000, 'x')
    let etag = '"a"'
    let isCut = true
    const { url } = await serve(t, 'HTTP/1.1', (request, response) => {
      const from = Number(/\d+/.exec(request.headers.range ?? '0')[0])
      const isSame = request.headers['if-range'] === etag
      const rest = from > 0 && isSame ? body.subarray(from) : body
      const range = rest.length < body.length && { 'content-range': `bytes ${from}-99999/100000` }
      response.writeHead(range ? 206 : 200, { etag, 'content-length': rest.length, ...range })
      if (!isCut) return response.end(rest)
      isCut = false
      response.write(rest.subarray(0, 50_000), () => response.destroy())
    })
    const file = join(temporaryDirectory(t), 'file')
    const program = `await httpDownload('${url}', '${file}', { retries: 1, retryDelay: 1 })`
    const resumed = await linesOf(program)
    assertSome(resumed, /: no part file to resume$/)
    assertSome(resumed, /: the part file has \d+ bytes, requests the rest from byte \d+$/)
    assertSome(resumed, /: resumes at byte \d+ of 100000$/)
    isCut = true
    etag = '"b"'
    await linesOf(`await httpDownload('${url}', '${file}').catch(() => {})`)
    etag = '"c"'
    assertSome(
      await linesOf(program),
      /: starts from zero: the server sent the whole file \(200\), it may have changed$/,
    )
  })

  test('say whether several connections fetch ranges', async (t) => {
    const body = Buffer.alloc(4 << 20, 'x')
    const { url } = await serve(t, 'HTTP/1.1', (request, response) => {
      const [, from, to] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? []
      if (from === undefined || request.url === '/plain') return response.end(body)
      const part = body.subarray(Number(from), to ? Number(to) + 1 : undefined)
      const range = `bytes ${from}-${Number(from) + part.length - 1}/${body.length}`
      const headers = { etag: '"a"', 'content-range': range, 'content-length': part.length }
      response.writeHead(206, headers).end(part)
    })
    const file = join(temporaryDirectory(t), 'file')
    const lines = await linesOf(`
      await httpDownload('${url}', '${file}', { connections: 3 })
      await httpDownload('${url}plain', '${file}', { connections: 3 })`)
    assertSome(lines, /\d\/: fetches ranges of 4194304 bytes over 3 connections at most$/)
    assertSome(lines, /\/plain: one connection: the response \(200\) is not a range/)
  })

  test('say which source is tried next, and why', async (t) => {
    const { url } = await serve(t, 'HTTP/1.1', (request, response) => {
      response.writeHead(request.url.startsWith('/mirror') ? 200 : 404).end('ok')
    })
    const file = join(temporaryDirectory(t), 'file')
    const mirror = `${url}mirror?token=${SECRET}`
    const lines = await linesOf(
      `await httpDownload('${url}', '${file}', { mirrors: ['${mirror}'] })`,
    )
    const next = `${url}mirror\\?token=REDACTED`
    assertSome(
      lines,
      new RegExp(`^GET ${url}: this source failed, tries ${next} next: Download failed: HTTP 404`),
    )
    assertSome(lines, new RegExp(`^GET ${next}: 200 OK`))
  })

  test('say that a lock was taken, or that the file was there', async (t) => {
    const { url } = await serve(t, 'HTTP/1.1', (_, response) => response.end('ok'))
    const file = join(temporaryDirectory(t), 'file')
    const lines = await linesOf(
      `for (const _ of [1, 2]) await downloadWithLock('${url}', '${file}')`,
    )
    assertSome(lines, new RegExp(`^lock ${lockPathOf(file)}: taken$`))
    assertSome(lines, new RegExp(`^${file}: the file exists, no request$`))
  })

  test('say whom they wait for', async (t) => {
    const stage = await setStage(t, { gated: 1 })
    const job = { how: 'downloadWithLock', url: stage.origin.url, destPath: stage.dest }
    const holder = startJob(t, 'download-job', job)
    await until(() => stage.origin.requests.length > 0, 'the holder has begun')
    const lines = await linesOf(`
      const options = { lockTimeout: 300 }
      await downloadWithLock('${stage.origin.url}', '${stage.dest}', options).catch(() => {})`)
    const by = `held by PID ${holder.pid} \\(${stage.origin.url}\\)`
    assertSome(lines, new RegExp(`^lock ${stage.lock}: ${by}, waits$`))
    assert.equal(lines.filter((line) => line.includes('waits')).length, 1, lines.join('\n'))
  })

  test('say that they break the lock of a dead holder', async (t) => {
    const { url } = await serve(t, 'HTTP/1.1', (_, response) => response.end('ok'))
    const file = join(temporaryDirectory(t), 'file')
    const lock = lockPathOf(file)
    const pid = await deadPid()
    mkdirSync(dirname(lock))
    const holder = { pid, startTime: 1, url: `http://u:${SECRET}@a.test/?token=${SECRET}` }
    writeFileSync(lock, JSON.stringify({ ...holder, kernelLock: true }))
    const lines = await linesOf(`await downloadWithLock('${url}', '${file}')`)
    assertSome(
      lines,
      new RegExp(
        `^lock ${lock}: broken: its holder, PID ${pid} \\(http://a\\.test/\\?token=REDACTED\\), is dead`,
      ),
    )
    assert.equal(readFileSync(file, 'utf8'), 'ok')
  })
})

test('no line has a secret of URLs, proxies, header fields or bodies', async (t) => {
  const { url, port } = await serve(t, 'HTTP/1.1', (request, response) => {
    if (request.url.startsWith('/redirect')) {
      return response.writeHead(302, { location: `/x;token=${SECRET}?sig=${SECRET}` }).end()
    }
    if (request.url.startsWith('/fail')) return response.writeHead(503).end(SECRET)
    response.writeHead(200, { 'set-cookie': `session=${SECRET}`, etag: '"a"' }).end(SECRET)
  })
  const proxy = await startProxy(t, { port, credentials: `user:${SECRET}` })
  const file = join(temporaryDirectory(t), 'file')
  const guarded = url.replace('//', `//user:${SECRET}@`)
  // `linesOf` looks for the secret.
  const lines = await linesOf(
    `const secret = '${SECRET}'
    const query = '?token=' + secret + '&api_key=' + secret + '&X-Amz-Signature=' + secret
    const headers = { authorization: 'Bearer ' + secret, cookie: secret, 'x-api-key': secret }
    const options = { headers, retries: 1, retryDelay: 1 }
    const calls = [
      (proxy) => httpRequest('${guarded}' + query, { ...options, method: 'POST', body: secret, proxy }),
      (proxy) => httpRequest('${guarded}redirect' + query, { ...options, proxy }),
      (proxy) => httpRequest('${guarded}fail' + query + '#' + secret, { ...options, proxy }),
      (proxy) => httpRequest('${guarded.replace('http:', 'https:')}' + query, { ...options, proxy }),
      (proxy) => httpDownload('${guarded}' + query, '${file}', { ...options, proxy }),
      (proxy) => downloadWithLock('${guarded}fail' + query, '${file}-2', { ...options, proxy }),
      (proxy) => new HttpClient({ cache: 'memory', headers, proxy }).request('${guarded}' + query),
    ]
    for (const proxy of [undefined, 'http://user:' + secret + '@${proxy.host}', 'http://user:wrong-' + secret + '@${proxy.host}']) {
      for (const call of calls) await call(proxy).catch(() => {})
    }`,
    { ...ON, ALL_PROXY: `http://user:${SECRET}@${proxy.host}` },
  )
  assert.ok(lines.length > 50, `${lines.length}`)
  assertSome(lines, /token=REDACTED&api_key=REDACTED&X-Amz-Signature=REDACTED/)
})
