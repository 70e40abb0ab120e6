// Faults that doctor finds: the report and its text name the cause.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer as createSecureServer } from 'node:https'
import { createRequire } from 'node:module'
import { createServer as createTcpServer } from 'node:net'
import { join, relative } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { foundAuthority, whyNoAuthority } from '../helpers/origins/authority.mjs'
import { startFullServer } from '../helpers/origins/deaf-origin.mjs'
import { listen, serve } from '../helpers/origins/listen.mjs'
import { startProxy } from '../helpers/origins/proxy-origin.mjs'
import { startJob, whyNot } from '../helpers/processes/job-process.mjs'
import { temporaryDirectory } from '../helpers/support.mjs'

const require = createRequire(import.meta.url)
const { doctor } = require('@socketsecurity/registry/lib/doctor')
const { version } = require('@socketsecurity/registry/package.json')
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SECRET = 'hunter2-s3cret'

/** The report of another process, with these variables. */
async function asked(t, asking, variables = {}, wrapper = []) {
  const directory = temporaryDirectory(t)
  const all = { SOCKET_CACACHE_DIR: directory, ...variables }
  const setting = Object.entries(all).map(([name, value]) => `${name}=${value}`)
  const job = startJob(t, 'doctor', asking, [...wrapper, 'env', ...setting])
  const { report, text } = await job.event('report')
  // Nothing keeps the process alive.
  assert.equal((await job.exit).code, 0)
  assert.ok(text.startsWith(`@socketsecurity/registry ${version}: doctor\n`), text)
  assert.ok(!JSON.stringify({ report, text }).includes(SECRET), text)
  return { ...report, text }
}

/** The line of the text for a part, with those that belong to it. */
function section(text, name) {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => /^(ok {2}|FAIL) /.test(line) && line.includes(` ${name}`))
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('  '))
  return lines.slice(start, end < 0 ? undefined : end).join('\n')
}

describe('a machine without a fault', () => {
  test('has parts that are all well, as plain data and as text', async (t) => {
    const cacheDir = temporaryDirectory(t)
    const { url } = await serve(t, 'HTTP/1.1', (_, response) => response.end('ok'))
    const report = await doctor(`${url}?token=${SECRET}`, { cacheDir })
    assert.deepEqual(JSON.parse(JSON.stringify(report)), { ...report })
    assert.deepEqual(
      Object.entries(report).map(([name, { ok }]) => [name, ok]),
      ['platform', 'addon', 'node', 'proxy', 'trust', 'lock', 'cache', 'url'].map((name) => [
        name,
        true,
      ]),
    )
    assert.ok(report.addon.path.endsWith('.node'), report.addon.path)
    assert.equal(report.addon.version, version)
    assert.deepEqual([report.lock.kernelLocks, report.lock.hardLinks], [true, true])
    assert.deepEqual([report.cache.directory, report.cache.exists], [cacheDir, true])
    assert.ok(report.trust.certificates > 100, `${report.trust.certificates}`)
    assert.equal(report.url.url, `${url}?token=REDACTED`)
    assert.equal(report.url.status, 200)
    assert.equal(report.url.protocol, 'HTTP/1.1')
    assert.ok(report.url.addresses.some(({ ok }) => ok))
    assert.ok(report.url.timings.total >= report.url.timings.firstByte)
    assert.match(String(report), /\nok {3}url {6}http:/)
    assert.ok(!String(report).includes('FAIL') && !String(report).includes(SECRET))
    assert.deepEqual(readdirSync(cacheDir), [], 'nothing is left behind')
  })

  test('is examined without a URL, and without a request', async () => {
    const report = await doctor()
    assert.ok(!('url' in report))
    assert.equal(report.proxy.https.proxy, null)
  })

  test('a redirect is reported, not followed', async (t) => {
    const paths = []
    const { url } = await serve(t, 'HTTP/1.1', (request, response) => {
      paths.push(request.url)
      response.writeHead(302, { location: `/next?token=${SECRET}` }).end()
    })
    const report = await doctor(url)
    assert.equal(report.url.location, `${url}next?token=REDACTED`)
    assert.deepEqual([report.url.ok, report.url.status, paths], [true, 302, ['/']])
  })

  test('is examined with the variables of a Worker, too', async (t) => {
    const cacheDir = temporaryDirectory(t)
    const code = `const { doctor } = require(${JSON.stringify(join(ROOT, 'lib/doctor.js'))})
      const { parentPort } = require('node:worker_threads')
      doctor('http://a.invalid/').then((report) => parentPort.postMessage(JSON.stringify(report)))`
    const env = { SOCKET_CACACHE_DIR: cacheDir, http_proxy: '127.0.0.1:1' }
    const [message] = await once(new Worker(code, { eval: true, env }), 'message')
    const report = JSON.parse(message)
    assert.equal(report.cache.directory, cacheDir)
    assert.deepEqual(report.proxy.variables, { http_proxy: '127.0.0.1:1' })
    assert.equal(report.proxy.url.variable, 'http_proxy')
  })

  test('options that cannot be used are not used', async (t) => {
    const cacheDir = temporaryDirectory(t)
    Object.prototype.cacheDir = '/planted'
    t.after(() => delete Object.prototype.cacheDir)
    const throwing = {
      get timeout() {
        throw new Error('never read')
      },
    }
    const timeouts = [Number.NaN, Symbol('long'), 10n].map((timeout) => ({ timeout }))
    for (const options of [null, 7, { timeout: -1, locksDir: 7 }, ...timeouts, throwing]) {
      const report = await doctor(undefined, options)
      assert.notEqual(report.cache.directory, '/planted')
      assert.equal(report.trust.ok, true, report.trust.message)
    }
    const own = await doctor(undefined, { cacheDir: relative(process.cwd(), cacheDir) })
    assert.equal(own.cache.directory, cacheDir)
  })

  test('a server with a long response does not fill the text', async (t) => {
    const { url } = await serve(t, 'HTTP/1.1', (_, response) => {
      response.writeHead(404, 'O'.repeat(10_000)).end()
    })
    const report = await doctor(url)
    assert.equal(report.url.statusText.length, 10_000)
    assert.ok(
      String(report)
        .split('\n')
        .every((line) => line.length <= 1001),
    )
  })

  test('nothing in the text commands a terminal', async (t) => {
    const { text } = await asked(t, {}, { SSL_CERT_FILE: '/nowhere\u001b[2J\u009b2J\u202e' })
    assert.ok(text.includes('/nowhere\\u001b[2J\\u009b2J\\u202e'), text)
  })

  test('an invalid URL is a part with ok: false', async () => {
    for (const wrong of ['', 'nonsense', 'ftp://a.test/', 7, null, `user:${SECRET}@host`]) {
      const report = await doctor(wrong)
      assert.equal(report.url.ok, false, String(wrong))
      assert.match(report.url.message, /URL|"url"/)
      assert.ok(!String(report).includes(SECRET))
      assert.equal(report.addon.ok, true)
    }
  })
})

describe('proxies', () => {
  const url = 'https://origin.invalid/'

  test('a proxy that requires credentials is named, with the variable that names it', async (t) => {
    const proxy = await startProxy(t, { credentials: `user:${SECRET}` })
    for (const target of [url, 'http://origin.invalid/']) {
      const { proxy: found, ...report } = await asked(
        t,
        { url: target },
        { HTTPS_PROXY: `http://user:wrong-${SECRET}@${proxy.host}`, http_proxy: proxy.host },
      )
      const variable = target === url ? 'HTTPS_PROXY' : 'http_proxy'
      assert.deepEqual([found.url.proxy, found.url.variable], [`http://${proxy.host}`, variable])
      assert.match(report.url.message, /407/)
      assert.ok(report.url.message.includes(proxy.host), report.url.message)
      assert.match(section(report.text, 'url'), new RegExp(`${proxy.host} \\(${variable}\\)`))
    }
  })

  test('a proxy that refuses the server is named, with its status', async (t) => {
    const server = createTcpServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n'))
    })
    const host = `127.0.0.1:${await listen(t, server)}`
    const secure = await asked(t, { url }, { ALL_PROXY: `http://${host}` })
    assert.match(secure.url.message, /403/)
    assert.ok(secure.url.message.includes(host), secure.url.message)
    const plain = await asked(t, { url: 'http://a.invalid/' }, { ALL_PROXY: `http://${host}` })
    assert.equal(
      plain.url.message,
      `HTTP 403 Forbidden, from the server or from the proxy http://${host}`,
    )
  })

  test('a proxy that is not there is named', async (t) => {
    const report = await asked(t, { url }, { HTTPS_PROXY: `http://u:${SECRET}@127.0.0.1:1` })
    assert.equal(report.url.code, 'ECONNREFUSED')
    assert.match(report.url.message, /127\.0\.0\.1:1/)
    assert.deepEqual(report.url.addresses, [
      { ok: false, address: '127.0.0.1:1', code: 'ECONNREFUSED' },
    ])
    assert.equal(report.proxy.variables.HTTPS_PROXY, 'http://127.0.0.1:1/')
  })

  test('an entry of NO_PROXY is named', async (t) => {
    const { url } = await serve(t, 'HTTP/1.1', (_, response) => response.end('ok'))
    const variables = { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: 'a.test,localhost' }
    const report = await asked(t, { url }, variables)
    const { proxy, variable, entry } = report.proxy.url
    assert.deepEqual([proxy, variable, entry], [null, 'NO_PROXY', 'localhost'])
    assert.equal(report.url.status, 200)
    assert.match(report.text, /this URL: no proxy \(NO_PROXY: localhost\)/)
  })

  test('NO_PROXY is shown without what does not belong there', async (t) => {
    const entries = `::1,10.0.0.0/8 .a.test:80,http://u:${SECRET}@b.test,u:${SECRET}@c.test`
    const report = await asked(t, {}, { NO_PROXY: entries })
    const shown = '::1,10.0.0.0/8 .a.test:80,http://b.test/,c.test'
    assert.equal(report.proxy.variables.NO_PROXY, shown)
  })

  test('a variable that is not the URL of a proxy is named', async (t) => {
    const report = await asked(t, { url }, { HTTPS_PROXY: `ftp://u:${SECRET}@proxy` })
    assert.deepEqual([report.proxy.ok, report.url.ok], [false, false])
    assert.match(report.url.message, /^HTTPS_PROXY is not the URL of a proxy/)
  })
})

test('no password is in the report, however it is written', async (t) => {
  const url = `http://u:${SECRET}@a.invalid/;token=${SECRET}?api_key=${SECRET}&sig=${SECRET}#${SECRET}`
  for (const value of [
    `${SECRET}@127.0.0.1:1`,
    `u:${SECRET}@127.0.0.1:1`,
    `//u:${SECRET}@127.0.0.1:1`,
    `http://u:${SECRET}@127.0.0.1:no`,
    `http://D\\u:${SECRET}@127.0.0.1:1/?x=1`,
    `http://u:a@${SECRET}@127.0.0.1:1`,
    `http://u:a#${SECRET}@127.0.0.1:1`,
    `ftp://u:${SECRET}@127.0.0.1:1`,
    `u:${SECRET}`,
  ]) {
    // `asked` looks for it.
    const { url: found } = await asked(t, { url }, { HTTP_PROXY: value })
    assert.equal(found.ok, false, value)
  }
})

describe('certificates', { skip: whyNoAuthority() }, () => {
  async function startSecure(t, options) {
    const directory = temporaryDirectory(t)
    const authority = foundAuthority(directory)
    const tls = authority.issue('server', options)
    const server = createSecureServer(tls, (_, response) => response.end('ok'))
    return { authority, url: `https://localhost:${await listen(t, server)}/` }
  }

  test('an issuer that is not trusted is named, and trusted once its file is', async (t) => {
    const { authority, url } = await startSecure(t)
    const { url: found, text } = await asked(t, { url })
    assert.equal(found.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    assert.deepEqual([found.tls.trusted, found.tls.issuer], [false, 'CN=Spec CA'])
    assert.match(found.message, /CN=Spec CA.*NODE_EXTRA_CA_CERTS/)
    assert.match(section(text, 'url'), /NOT trusted: CN=server\n {16}issued by CN=Spec CA/)

    const cured = await asked(t, { url }, { NODE_EXTRA_CA_CERTS: authority.path })
    assert.deepEqual([cured.url.ok, cured.url.tls.version], [true, 'TLSv1.3'])
    const file = cured.trust.sources.find(({ source }) => source === 'file')
    const { path, variable, certificates } = file
    assert.deepEqual([path, variable, certificates], [authority.path, 'NODE_EXTRA_CA_CERTS', 1])
  })

  test('a file of certificates that is missing is named', async (t) => {
    const { url } = await startSecure(t)
    const missing = join(temporaryDirectory(t), 'missing.pem')
    const report = await asked(t, { url }, { SSL_CERT_FILE: missing })
    assert.equal(report.trust.ok, false)
    assert.match(report.trust.message, new RegExp(`${missing} cannot be read`))
    assert.match(section(report.text, 'trust'), new RegExp(missing))
    assert.match(report.url.message, new RegExp(missing))
  })

  test('a certificate that has expired is named, with its time and that of this machine', async (t) => {
    const { authority, url } = await startSecure(t, { days: -1 })
    const { url: found } = await asked(t, { url }, { NODE_EXTRA_CA_CERTS: authority.path })
    assert.equal(found.code, 'CERT_HAS_EXPIRED')
    assert.match(found.message, /has expired: it was valid until .*, and the clock of this machine/)
    assert.ok(Date.parse(found.tls.validUntil) < Date.now())
  })

  test('certificates that are not verified are a fault', async (t) => {
    const { url } = await startSecure(t)
    const report = await asked(t, { url }, { NODE_TLS_REJECT_UNAUTHORIZED: '0' })
    assert.deepEqual([report.trust.ok, report.trust.verify, report.url.status], [false, false, 200])
    assert.match(report.trust.message, /NODE_TLS_REJECT_UNAUTHORIZED/)
  })
})

describe('servers', () => {
  test('a clock that is wrong is named, with the difference and its direction', async (t) => {
    for (const [days, expected] of [
      [3, /3 days behind that of the server/],
      [-3, /3 days ahead of that of the server/],
    ]) {
      const date = new Date(Date.now() + days * 24 * 3600 * 1000).toUTCString()
      const { url } = await serve(t, 'HTTP/1.1', (_, response) => {
        response.writeHead(200, { date }).end()
      })
      const report = await doctor(url)
      assert.deepEqual([report.url.ok, report.url.clock.ok], [false, false])
      assert.ok(Math.abs(report.url.clock.skew - days * 24 * 3600) < 60, report.url.clock.skew)
      assert.match(report.url.message, expected)
    }
  })

  test('the age of a cached response is no difference of clocks', async (t) => {
    const date = new Date(Date.now() - 86_400_000).toUTCString()
    const { url } = await serve(t, 'HTTP/1.1', (_, response) => {
      response.writeHead(200, { date, age: '86400' }).end()
    })
    assert.equal((await doctor(url)).url.ok, true)
  })

  test('a name that does not exist is named', async () => {
    const { url } = await doctor('http://no-such-name.invalid/')
    assert.match(url.code, /^(ENOTFOUND|EAI_AGAIN)$/)
    assert.match(url.message, /no-such-name\.invalid: the name/)
    assert.deepEqual(url.addresses, [])
  })

  test('a status is named', async (t) => {
    const { url } = await serve(t, 'HTTP/1.1', (_, response) => response.writeHead(403).end())
    const report = await doctor(url)
    const { ok, status, message } = report.url
    assert.deepEqual([ok, status, message], [false, 403, 'HTTP 403 Forbidden'])
  })

  const skip = process.platform !== 'linux' && 'other systems refuse what does not fit the queue'
  test('a server that drops packets is named, within the time limit', { skip }, async (t) => {
    const url = await startFullServer(t)
    const { url: found } = await doctor(`${url}/`, { timeout: 500 })
    assert.equal(found.code, 'ETIMEDOUT')
    assert.match(found.message, /no address of the server 127\.0\.0\.1 accepts a connection/)
    assert.match(found.message, /within 500 ms: a firewall may drop/)
  })

  test('a server that accepts and sends nothing is named, within the time limit', async (t) => {
    const port = await listen(
      t,
      createTcpServer(() => {}),
    )
    const { url } = await doctor(`http://127.0.0.1:${port}/`, { timeout: 300 })
    assert.deepEqual([url.code, url.addresses[0].ok], ['ERR_TIMEOUT', true])
  })
})

describe('files', { skip: process.platform !== 'linux' && 'changes how Linux is seen' }, () => {
  const READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'

  test('a cache that is read-only is named', { skip: whyNot('unshare', '-m') }, async (t) => {
    const directory = temporaryDirectory(t)
    const wrapper = ['unshare', '-m', 'sh', '-c', READ_ONLY, directory]
    const report = await asked(t, { options: { cacheDir: directory } }, {}, wrapper)
    const { ok, writable, code, message } = report.cache
    assert.deepEqual([ok, writable, code], [false, false, 'EROFS'])
    assert.ok(message.startsWith(`${directory}: it cannot be written: `), message)
    assert.equal(report.lock.code, 'EROFS')
  })

  test('a cache of which a part is a link is named', async (t) => {
    const directory = temporaryDirectory(t)
    require('node:fs').symlinkSync('/tmp', join(directory, 'tmp'))
    const { cache } = await doctor(undefined, { cacheDir: directory })
    assert.equal(cache.ok, false)
    assert.match(cache.message, /tmp: it is not used as a cache: it is a symbolic link/)
  })

  test('a file system without locks and links is named', async (t) => {
    const directory = temporaryDirectory(t)
    const program = join(directory, 'without-calls')
    const source = join(ROOT, '__test__/helpers/processes/without-calls.c')
    const { error, status, stderr } = spawnSync('cc', ['-o', program, source])
    if (error || status !== 0) return t.skip(`cc: ${error?.code ?? stderr}`)
    if (whyNot(program)) return t.skip(whyNot(program))
    const options = { cacheDir: directory, locksDir: join(directory, 'to/come') }
    const report = await asked(t, { options }, {}, [program])
    const { ok, probed, kernelLocks, hardLinks, message } = report.lock
    assert.deepEqual([ok, probed, kernelLocks, hardLinks], [false, directory, false, false])
    assert.match(message, /has no file locks that can be relied on and no hard links/)
    assert.equal(report.cache.ok, true)
  })
})

describe('the addon', { skip: process.platform !== 'linux' && 'packages of Linux' }, () => {
  /** The package as it is installed, beside packages of addons with this code. */
  function installed(t, code) {
    const modules = join(temporaryDirectory(t), 'node_modules/@socketsecurity')
    cpSync(join(ROOT, 'lib'), join(modules, 'registry/lib'), { recursive: true })
    cpSync(join(ROOT, 'package.json'), join(modules, 'registry/package.json'))
    for (const libc of code === undefined ? [] : ['gnu', 'musl']) {
      const place = join(modules, `registry-linux-${process.arch}-${libc}`)
      mkdirSync(place)
      writeFileSync(join(place, 'index.js'), code)
    }
    return join(modules, 'registry/lib/doctor.js')
  }

  test('that is missing is named, with what was tried and what helps', async (t) => {
    const report = await asked(t, { lib: installed(t), url: 'http://a.invalid/' })
    const { ok, code, message, tried } = report.addon
    assert.deepEqual([ok, code], [false, 'ERR_ADDON_NOT_LOADED'])
    assert.match(message, /npm install @socketsecurity\/registry-linux-/)
    assert.match(tried[0], /^@socketsecurity\/registry-linux-\S+: Cannot find module/)
    for (const name of ['proxy', 'trust', 'lock', 'cache', 'url']) {
      assert.equal(report[name].ok, false)
      assert.match(report[name].message, /the addon is not loaded/, name)
    }
    assert.deepEqual([report.platform.ok, report.node.ok], [true, true])
    assert.match(section(report.text, 'addon'), /npm install/)
  })

  test('that cannot be opened has the reason', async (t) => {
    const code = "throw new Error('/lib/libc.so.6: version `GLIBC_2.99 not found')"
    const { addon } = await asked(t, { lib: installed(t, code) })
    assert.equal(addon.ok, false)
    assert.match(addon.message, /GLIBC_2\.99/)
  })

  test('that is of another version is named', async (t) => {
    const older = 'class HttpClient {}; module.exports = { register() {}, HttpClient }'
    const { addon, trust } = await asked(t, { lib: installed(t, older) })
    assert.deepEqual([addon.ok, addon.code], [false, 'ERR_ADDON_VERSION'])
    assert.match(addon.message, new RegExp(`of another version, and this package of ${version}`))
    assert.match(addon.path, /registry-linux-/)
    assert.match(trust.message, /the addon is not of version/)
  })
})
