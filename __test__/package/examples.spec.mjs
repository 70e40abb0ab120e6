// The programs under examples/ and in README.md, run as a user runs them, against servers on the
// loopback.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const IS_WINDOWS = process.platform === 'win32'

let directory
let servers

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'registry-examples-'))
  servers = []
})

afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  await rm(directory, { recursive: true, force: true })
})

describe('examples/runtime.mjs', () => {
  const program = IS_WINDOWS ? readFile(process.execPath) : '#!/bin/sh\necho "runtime $1 v9.9.9"\n'
  const version = IS_WINDOWS ? process.version : 'runtime --version v9.9.9'

  it('downloads after a failed attempt, shows progress and runs the file', async () => {
    const body = Buffer.from(await program)
    const origin = await serve((_request, response) => {
      if (origin.requests.length === 1) response.writeHead(503, { 'Retry-After': '0' }).end()
      else response.writeHead(200, { 'Content-Length': body.length }).end(body)
    })
    const destination = join(directory, 'bin', 'runtime.exe')
    const { code, stdout, stderr } = await run('runtime.mjs', [
      `${origin.url}/runtime`,
      destination,
    ])
    assert.deepEqual(
      { code, lines: lines(stdout) },
      { code: 0, lines: [destination, version] },
      stderr,
    )
    assert.match(stderr, new RegExp(`100 % \\| ${body.length} of ${body.length} bytes`))
    assert.equal(origin.requests.length, 2)
  })

  it('does not download again what is there', async () => {
    const body = Buffer.from(await program)
    const origin = await serve((_request, response) => response.end(body))
    const args = [`${origin.url}/runtime`, join(directory, 'runtime.exe')]
    await run('runtime.mjs', args)
    const { code, stdout, stderr } = await run('runtime.mjs', args)
    assert.deepEqual({ code, last: lines(stdout)[1] }, { code: 0, last: version }, stderr)
    assert.equal(origin.requests.length, 1)
  })

  it('downloads once for processes that start together', async () => {
    const body = Buffer.from(await program)
    const origin = await serve((_request, response) => {
      setTimeout(() => response.end(body), 300)
    })
    const args = [`${origin.url}/runtime`, join(directory, 'runtime.exe')]
    const ended = await Promise.all([1, 2, 3].map(() => run('runtime.mjs', args)))
    for (const { code, stdout, stderr } of ended) {
      assert.deepEqual({ code, last: lines(stdout)[1] }, { code: 0, last: version }, stderr)
    }
    assert.equal(origin.requests.length, 1)
  })

  it('replaces a file that is not the expected one, and refuses to install another', async () => {
    const body = Buffer.from(await program)
    const origin = await serve((_request, response) => response.end(body))
    const destination = join(directory, 'runtime.exe')
    await writeFile(destination, 'an older one')
    const refused = await run('runtime.mjs', [
      origin.url,
      destination,
      sha256(Buffer.from('other')),
    ])
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /^Not the file that was expected; .*Checksum verification failed/m)
    assert.equal(await readFile(destination, 'utf8'), 'an older one')

    const replaced = await run('runtime.mjs', [origin.url, destination, sha256(body)])
    assert.deepEqual(
      { code: replaced.code, lines: lines(replaced.stdout) },
      { code: 0, lines: [destination, version] },
      replaced.stderr,
    )
    assert.equal(origin.requests.length, 2)
  })

  it('says what is wrong with the URL and leaves no file', async () => {
    const origin = await serve((_request, response) => response.writeHead(404).end('no such file'))
    const destination = join(directory, 'runtime.exe')
    const missing = await run('runtime.mjs', [`${origin.url}/runtime`, destination])
    assert.equal(missing.code, 1)
    assert.match(missing.stderr, /^No runtime: Download failed: HTTP 404 Not Found/)
    assert.equal(existsSync(destination), false)
    assert.equal(origin.requests.length, 1)

    const nonsense = await run('runtime.mjs', ['no url', destination])
    assert.equal(nonsense.code, 1)
    assert.match(nonsense.stderr, /^No runtime: /)
    assert.equal(existsSync(destination), false)
  })
})

describe('examples/api.mjs', () => {
  it('prints the response after a failed attempt, with the token sent', async () => {
    const origin = await serve((_request, response) => {
      if (origin.requests.length === 1) response.writeHead(503, { 'Retry-After': '0' }).end()
      else response.end('{"name":"registry","stars":3}')
    })
    const { code, stdout, stderr } = await run('api.mjs', [`${origin.url}/project`], {
      API_TOKEN: 'abc',
    })
    assert.equal(code, 0, stderr)
    assert.deepEqual(JSON.parse(stdout), { name: 'registry', stars: 3 })
    assert.equal(origin.requests.length, 2)
    for (const { url, headers } of origin.requests) {
      assert.equal(url, '/project')
      assert.equal(headers.authorization, 'Bearer abc')
    }
  })

  const statuses = [
    { status: 403, requests: 1, says: /^HTTP 403: Forbidden\. Check API_TOKEN\.$/ },
    { status: 404, requests: 1, says: /^HTTP 404: Not Found\. Check the path\.$/ },
    { status: 429, requests: 3, says: /Too many requests, even after 3 attempts/ },
    { status: 500, requests: 3, says: /^HTTP 500: Internal Server Error$/ },
  ]
  for (const { status, requests, says } of statuses) {
    it(`explains a status of ${status}`, async () => {
      const origin = await serve((_request, response) => {
        response.writeHead(status, { 'Retry-After': '0' }).end()
      })
      const { code, stderr } = await run('api.mjs', [origin.url])
      assert.equal(code, 1)
      assert.match(stderr.trim(), says)
      assert.equal(origin.requests.length, requests)
    })
  }

  it('explains a response that is not JSON', async () => {
    const origin = await serve((_request, response) => response.end('<html>'))
    const { code, stderr } = await run('api.mjs', [origin.url])
    assert.equal(code, 1)
    assert.match(stderr, /^The response is not JSON: Failed to parse JSON response/)
  })

  it('explains a server that is not there', async () => {
    const origin = await serve(() => {})
    await close(origin.server)
    const { code, stderr } = await run('api.mjs', [origin.url])
    assert.equal(code, 1)
    assert.match(stderr, /^Nothing listens there: /)
  })

  it('explains what is not a URL, and a missing one', async () => {
    const nonsense = await run('api.mjs', ['no url'])
    assert.deepEqual([nonsense.code, nonsense.stderr], [1, 'Not a URL: no url\n'])
    const missing = await run('api.mjs', [])
    assert.deepEqual([missing.code, missing.stderr], [2, 'Usage: node examples/api.mjs <url>\n'])
  })
})

describe('examples/metrics.mjs', () => {
  it('prints the success rate, the overhead of retries and the downloads avoided', async () => {
    const { code, stdout, stderr } = await run('metrics.mjs', [])
    assert.equal(code, 0, stderr)
    const [success, overhead, avoided, time, failed] = stdout.split('\n')
    assert.match(success, /^Success rate, retries included: 95\.5 % of 22 requests$/)
    assert.match(overhead, /^Overhead of retries: \d+\.\d % more attempts \(\d+\)$/)
    assert.equal(avoided, 'Redundant downloads avoided: 90.0 % of 10, 900000 bytes')
    assert.match(time, /^Time of nine requests in ten: \d+\.\d ms at most$/)
    assert.match(failed, /^Failed 1 times: request of 127\.0\.0\.1:\d+, ERR_HTTP_STATUS 404$/)
  })
})

describe('examples/github-release.mjs', () => {
  const fitting = `tool-${process.platform}-${process.arch}.tar.gz`

  it('follows the redirect to the asset of this platform', async () => {
    const body = Buffer.alloc(100_000, 'asset')
    const storage = await serve((_request, response) => response.end(body))
    const api = await serveRelease(storage, [
      'tool-plan9-mips.tar.gz',
      `${fitting}.sha256`,
      fitting,
    ])
    const { code, stdout, stderr } = await runGithub(['owner/tool', directory], api)
    assert.equal(code, 0, stderr)
    const path = join(directory, 'v1.2.3', fitting)
    assert.equal(stdout, `owner/tool v1.2.3: ${path} (${body.length} bytes)\n`)
    assert.deepEqual(await readFile(path), body)
    assert.deepEqual(
      api.requests.map(({ url }) => url),
      ['/repos/owner/tool/releases/latest', `/download/${fitting}`],
    )
    assert.equal(api.requests[0].headers.authorization, 'Bearer abc')
    assert.deepEqual(
      storage.requests.map(({ url, headers }) => [url, headers.authorization]),
      [[`/storage/${fitting}`, undefined]],
    )
  })

  it('does not download again what is there', async () => {
    const storage = await serve((_request, response) => response.end('asset'))
    const api = await serveRelease(storage, [fitting])
    const first = await runGithub(['owner/tool', directory], api)
    const second = await runGithub(['owner/tool', directory], api)
    assert.deepEqual([first.code, second.code], [0, 0], first.stderr + second.stderr)
    assert.equal(first.stdout, second.stdout)
    assert.equal(storage.requests.length, 1)
  })

  it('verifies the digest that GitHub gives', async () => {
    const body = Buffer.from('asset')
    const storage = await serve((_request, response) => response.end(body))
    const path = join(directory, 'v1.2.3', fitting)
    const wrong = await serveRelease(storage, [fitting], `sha256:${sha256(Buffer.from('other'))}`)
    const refused = await runGithub(['owner/tool', directory], wrong)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /^Not the file that GitHub knows; .*Checksum verification failed/)
    assert.equal(existsSync(path), false)

    const right = await serveRelease(storage, [fitting], `sha256:${sha256(body)}`)
    const { code, stderr } = await runGithub(['owner/tool', directory], right)
    assert.equal(code, 0, stderr)
    assert.deepEqual(await readFile(path), body)
  })

  it('lists the assets when none fits', async () => {
    const storage = await serve((_request, response) => response.end('asset'))
    const api = await serveRelease(storage, ['tool-plan9-mips.tar.gz', `${fitting}.sha256`])
    const { code, stderr } = await runGithub(['owner/tool', directory], api)
    assert.equal(code, 1)
    assert.match(stderr, /^Release v1\.2\.3 has nothing for /)
    assert.match(stderr, /^ {2}tool-plan9-mips\.tar\.gz$/m)
    assert.deepEqual(await readdir(directory), [])
  })

  it('explains a project that does not exist, and a wrong argument', async () => {
    const api = await serve((_request, response) => response.writeHead(404).end('{}'))
    const unknown = await runGithub(['owner/unknown', directory], api)
    assert.equal(unknown.code, 1)
    assert.match(unknown.stderr, /^owner\/unknown has no release.*HTTP 404: Not Found/)
    const wrong = await runGithub(['https://github.com/owner/tool'], api)
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /^Usage: /)
    assert.equal(api.requests.length, 1)
  })

  function runGithub(args, api) {
    return run('github-release.mjs', args, { GITHUB_API_URL: api.url, GITHUB_TOKEN: 'abc' })
  }

  function serveRelease(storage, names, digest = null) {
    return serve((request, response, origin) => {
      if (request.url === '/repos/owner/tool/releases/latest') {
        const assets = names.map((name) => ({
          name,
          browser_download_url: `${origin.url}/download/${name}`,
          digest,
        }))
        response.end(JSON.stringify({ tag_name: 'v1.2.3', assets }))
        return
      }
      const location = request.url.replace('/download/', `${storage.url}/storage/`)
      response.writeHead(302, { Location: location }).end()
    })
  }
})

describe('README.md', () => {
  const PACKAGE = '@socketsecurity/registry'
  const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const examples = [...text.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code)

  it('has examples that run', async () => {
    const body = Buffer.from('tool')
    const origin = await serve((request, response) => {
      const release = { url: `${origin.url}/tool`, version: '1.2.3', sha256: sha256(body) }
      if (request.url === '/missing') response.writeHead(404).end()
      else if (/^\/(tool|data\.tar\.gz)$/.test(request.url))
        response.writeHead(200, { 'Content-Length': body.length }).end(body)
      else response.end(JSON.stringify(release))
    })
    const programs = examples.map((example) => program(example, origin.url))
    assert.ok(programs.length >= 4)
    for (const code of programs) {
      const ended = await runModule(code)
      assert.deepEqual(ended, { code: 0, stdout: ended.stdout, stderr: '' }, code)
    }

    const tool = join(directory, 'tool', '1.2.3')
    assert.deepEqual(await readFile(tool), body)
    if (!IS_WINDOWS) assert.equal(statSync(tool).mode & 0o777, 0o755)
    assert.deepEqual(await readFile(join(directory, 'data.tar.gz')), body)
    assert.deepEqual(
      origin.requests.map(({ url, headers }) => [url, headers.authorization]),
      [
        ['/tool/latest', undefined],
        ['/tool', undefined],
        ['/users', undefined],
        ['/data.tar.gz', undefined],
        ['/v0/quota', 'Bearer abc'],
        ['/v0/scans', 'Bearer abc'],
        ['/missing', undefined],
      ],
    )
  })

  /** An example as a program: against a server of ours, and with what it takes from around it. */
  function program(example, url) {
    const path = (name) => JSON.stringify(join(directory, name)).slice(1, -1)
    const code = example
      .replaceAll(/https:\/\/(api\.)?example\.com/g, url)
      .replaceAll('/var/cache/', `${path('.')}/`)
      .replaceAll("'data.tar.gz'", `'${path('data.tar.gz')}'`)
    const imports = code.match(/^import .*$/gm) ?? [`import { httpGetJson } from '${PACKAGE}'`]
    return `${imports.join('\n')}
      const [token, url] = ['abc', '${url}/missing']
      async function example() {
        ${code.replaceAll(/^import .*$/gm, '')}
      }
      await example()`
  }

  /** In the package itself, so that it can be imported by its name. */
  function runModule(code) {
    const cwd = fileURLToPath(new URL('../..', import.meta.url))
    const env = { ...process.env, SOCKET_CACACHE_DIR: join(directory, 'cache') }
    const args = ['--input-type=module', '--eval', code]
    return new Promise((resolve) => {
      execFile(process.execPath, args, { cwd, env, timeout: 300_000 }, (error, stdout, stderr) => {
        resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr })
      })
    })
  }
})

/**
 * A server that keeps a record of its requests, this one included when `respond` is called.
 */
async function serve(respond) {
  const server = createServer((request, response) => {
    origin.requests.push({ url: request.url, headers: request.headers })
    respond(request, response, origin)
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = { server, url: `http://127.0.0.1:${server.address().port}`, requests: [] }
  return origin
}

async function close(server) {
  server.close()
  await once(server, 'close')
}

/** Runs one example to its end. */
function run(name, args, env = {}) {
  const path = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))
  const options = { env: { ...process.env, API_TOKEN: '', ...env }, timeout: 300_000 }
  return new Promise((resolve) => {
    execFile(process.execPath, [path, ...args], options, (error, stdout, stderr) => {
      // A program that was killed has a signal and no code.
      resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr })
    })
  })
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex')
}

function lines(text) {
  return text.trim().split(/\r?\n/)
}
