// The package as users have it: installed from its tarballs, by several package managers, into empty directories; the only registry is one
// on the loopback. Each consumer makes a request with it.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { mainManifest, platformManifest } from '../scripts/manifest.mjs'
import { pack } from '../scripts/pack.mjs'
import { startOrigin } from './origins/http-origin.mjs'
import { startRegistry } from './origins/registry-origin.mjs'
import { temporaryDirectory } from './support.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const TOOLS = join(ROOT, '__test__/consumers')
const tool = (path) => join(TOOLS, 'node_modules', path)
const { TARGETS } = createRequire(import.meta.url)('../lib/target.js')
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const NAME = manifest.name

const own = TARGETS.find((target) => existsSync(join(ROOT, `registry.${target}.node`)))
const skip =
  !existsSync(tool('typescript')) &&
  'its tools are not installed: npm ci --prefix __test__/consumers'

describe('installed from its tarballs', { skip, concurrency: 2 }, () => {
  const packed = mkdtempSync(join(tmpdir(), 'registry-test-'))
  let registry
  let tarballs

  before(async () => {
    tarballs = pack(packed)
    const platforms = TARGETS.map((target) => ({
      manifest: platformManifest(manifest, target),
      // Deno fetches those of both libcs: whatever is in the other one, it is not loaded.
      tarball:
        tarballs.platforms.find((file) => basename(file).includes(`-${target}-`)) ?? tarballs.main,
    }))
    const main = { manifest: mainManifest(manifest, TARGETS), tarball: tarballs.main }
    registry = await startRegistry([main, ...platforms])
  })
  after(() => {
    registry?.close()
    rmSync(packed, { recursive: true })
  })

  /** Runs a program in a directory; rejects with what it printed. */
  async function run(directory, command, args = [], env = {}) {
    const options = { cwd: directory, env: { ...environment(directory), ...env }, maxBuffer: 64e6 }
    try {
      const { stdout } = await promisify(execFile)(command, args, options)
      return stdout
    } catch (error) {
      throw new Error(`${command} ${args.join(' ')}\n${error.stdout}\n${error.stderr}`)
    }
  }

  /** No settings and no cache of the user, and the registry of the test. */
  function environment(home) {
    return {
      PATH: process.env.PATH,
      HOME: home,
      USERPROFILE: home,
      SystemRoot: process.env.SystemRoot,
      npm_config_registry: registry.url,
      NPM_CONFIG_REGISTRY: registry.url,
      npm_config_audit: 'false',
      npm_config_fund: 'false',
      npm_config_update_notifier: 'false',
      YARN_NPM_REGISTRY_SERVER: registry.url,
      YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
      YARN_ENABLE_TELEMETRY: '0',
      YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
      CI: '1',
    }
  }

  const npm = (directory, ...args) =>
    process.platform === 'win32'
      ? run(directory, 'cmd', ['/c', 'npm', ...args])
      : run(directory, 'npm', args)

  /** A directory with these files, and a manifest that depends on the package. */
  function project(t, files = {}, more = {}) {
    const directory = temporaryDirectory(t)
    const own = {
      name: 'consumer',
      private: true,
      dependencies: { [NAME]: manifest.version },
      ...more,
    }
    write(directory, { 'package.json': JSON.stringify(own), ...files })
    return directory
  }

  function write(directory, files) {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true })
      writeFileSync(join(directory, name), content)
    }
  }

  /** The same, installed by npm. */
  async function installed(t, files, more) {
    const directory = project(t, files, more)
    await npm(directory, 'install', '--ignore-scripts')
    return directory
  }

  /** Something to ask for; programs get its URL as their argument. */
  const origin = (t) => startOrigin(t, { body: '{"fine":true}' })

  const COMMON_JS = `const { httpGetJson } = require('${NAME}/lib/http-request')
httpGetJson(process.argv[2]).then(({ fine }) => console.log(JSON.stringify({ fine })))`
  const MODULE = `import { httpGetJson } from '${NAME}/lib/http-request'
import { downloadWithLock } from '${NAME}/lib/download-lock'
const { fine } = await httpGetJson(process.argv[2])
const { size } = await downloadWithLock(process.argv[2], 'file')
console.log(JSON.stringify({ fine, size }))`
  const FINE = '{"fine":true}\n'
  const FINE_FILE = '{"fine":true,"size":13}\n'

  test('npm installs the one addon that fits, and npm ls is content', async (t) => {
    const { url } = await origin(t)
    const directory = await installed(t, { 'main.cjs': COMMON_JS, 'main.mjs': MODULE })
    assert.equal(await run(directory, process.execPath, ['main.cjs', url]), FINE)
    assert.equal(await run(directory, process.execPath, ['main.mjs', url]), FINE_FILE)
    await npm(directory, 'ls', '--all')
    const packages = readdirSync(join(directory, 'node_modules/@socketsecurity'))
    assert.deepEqual(packages.sort(), ['registry', `registry-${own}`])
    const files = readdirSync(join(directory, 'node_modules', NAME)).sort()
    assert.deepEqual(files, [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'index.d.ts',
      'lib',
      'package.json',
    ])
  })

  test('without the addon it says what is missing', async (t) => {
    const directory = project(t, { 'main.cjs': COMMON_JS })
    await npm(directory, 'install', '--omit=optional')
    await assert.rejects(run(directory, process.execPath, ['main.cjs']), (error) => {
      assert.match(error.message, new RegExp(`registry-${own}: not installed`))
      assert.match(error.message, new RegExp(`npm install @socketsecurity/registry-${own}@`))
      return true
    })
  })

  test('a Worker', async (t) => {
    const { url } = await origin(t)
    const main = `import { Worker } from 'node:worker_threads'
new Worker(new URL('worker.mjs', import.meta.url), { argv: process.argv.slice(2) })`
    const directory = await installed(t, { 'main.mjs': main, 'worker.mjs': MODULE })
    assert.equal(await run(directory, process.execPath, ['main.mjs', url]), FINE_FILE)
  })

  test('TypeScript, strict, for Node.js and for bundlers', async (t) => {
    const program = `import { httpDownload, httpGetJson, type HttpResponse, httpRequest } from '${NAME}/lib/http-request'
import { downloadWithLock } from '${NAME}/lib/download-lock'
import * as all from '${NAME}'
const answer: HttpResponse = await httpRequest(new URL('http://localhost/'), { retries: 3 })
const parsed = await httpGetJson<{ fine: boolean }>('http://localhost/')
const fine: boolean = parsed.fine && answer.ok
const { size } = await httpDownload('http://localhost/', 'file', { onProgress: (done, total) => void (done / total) })
const other: number = size + (await downloadWithLock('http://localhost/', 'file', { settleDelay: 0 })).size
// @ts-expect-error a name that is none
await httpGetJson('http://localhost/', { retires: 3 })
export { all, fine, other }`
    const directory = await installed(t, { 'main.mts': program })
    for (const [module, moduleResolution] of [
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ]) {
      const compilerOptions = {
        module,
        moduleResolution,
        target: 'es2022',
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        skipLibCheck: false,
        types: ['node'],
        typeRoots: [tool('@types')],
      }
      write(directory, {
        'tsconfig.json': JSON.stringify({ compilerOptions, files: ['main.mts'] }),
      })
      await run(directory, process.execPath, [tool('typescript/bin/tsc'), '-p', '.'])
    }
  })

  test('bundles of esbuild, with the addon left out', async (t) => {
    const { url } = await origin(t)
    const directory = await installed(t, { 'main.cjs': COMMON_JS, 'main.mjs': MODULE })
    const { build } = await import(tool('esbuild/lib/main.js'))
    const shared = {
      absWorkingDir: directory,
      bundle: true,
      platform: 'node',
      logLevel: 'silent',
      external: [`${NAME}-*`],
    }
    await build({ ...shared, entryPoints: ['main.cjs'], outfile: 'bundle.cjs', format: 'cjs' })
    // Modules have no `require`, and an addon cannot be imported.
    const banner = {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
    }
    const defines = { __dirname: 'import.meta.dirname' }
    await build({
      ...shared,
      entryPoints: ['main.mjs'],
      outfile: 'bundle.mjs',
      format: 'esm',
      banner,
      define: defines,
    })
    assert.equal(await run(directory, process.execPath, ['bundle.cjs', url]), FINE)
    assert.equal(await run(directory, process.execPath, ['bundle.mjs', url]), FINE_FILE)
  })

  test('a single executable application that carries the addon', async (t) => {
    const { url } = await origin(t)
    const program = `const { getRawAsset } = require('node:sea')
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
// For this user alone: whoever could change the file before it is loaded would be this program.
const directory = mkdtempSync(join(tmpdir(), 'application-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
const file = join(directory, 'registry.node')
writeFileSync(file, new Uint8Array(getRawAsset('registry.node')), { mode: 0o600 })
process.env.NAPI_RS_NATIVE_LIBRARY_PATH = file
const { httpDownload } = require('${NAME}/lib/http-request')
httpDownload(process.argv[2], join(directory, 'downloaded')).then(({ path }) => console.log(readFileSync(path, 'utf8')))`
    const directory = await installed(t, { 'main.cjs': program })
    const { build } = await import(tool('esbuild/lib/main.js'))
    const external = [`${NAME}-*`]
    await build({
      absWorkingDir: directory,
      entryPoints: ['main.cjs'],
      outfile: 'bundle.cjs',
      bundle: true,
      platform: 'node',
      external,
      logLevel: 'silent',
    })
    const addon = join(directory, `node_modules/${NAME}-${own}/registry.${own}.node`)
    const config = {
      main: 'bundle.cjs',
      output: 'application.blob',
      disableExperimentalSEAWarning: true,
      assets: { 'registry.node': addon },
    }
    write(directory, { 'sea.json': JSON.stringify(config) })
    await run(directory, process.execPath, ['--experimental-sea-config', 'sea.json'])
    const application = join(directory, 'application')
    copyFileSync(process.execPath, application)
    chmodSync(application, 0o755)
    const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
    await run(directory, process.execPath, [
      tool('postject/dist/cli.js'),
      application,
      'NODE_SEA_BLOB',
      'application.blob',
      '--sentinel-fuse',
      fuse,
    ])
    // It needs nothing of what is installed here.
    assert.equal(await run(temporaryDirectory(t), application, [url]), '{"fine":true}\n')
  })

  test('Vitest', async (t) => {
    const { url } = await origin(t)
    const spec = `import { expect, test } from 'vitest'
import { httpGetJson } from '${NAME}/lib/http-request'
test('asks', async () => expect(await httpGetJson(process.env.ORIGIN)).toEqual({ fine: true }))`
    const directory = await installed(t, { 'asks.test.mjs': spec })
    symlinkSync(tool('vitest'), join(directory, 'node_modules/vitest'), 'junction')
    await run(directory, process.execPath, [tool('vitest/vitest.mjs'), 'run'], { ORIGIN: url })
  })

  test('pnpm, without a question about scripts', async (t) => {
    const { url } = await origin(t)
    const directory = project(t, { 'main.cjs': COMMON_JS, 'main.mjs': MODULE })
    const said = await run(directory, process.execPath, [
      tool('pnpm/bin/pnpm.cjs'),
      'install',
      '--store-dir',
      join(directory, 'store'),
    ])
    assert.doesNotMatch(said, /build scripts/)
    assert.equal(await run(directory, process.execPath, ['main.cjs', url]), FINE)
    assert.equal(await run(directory, process.execPath, ['main.mjs', url]), FINE_FILE)
  })

  test("Yarn Plug'n'Play", async (t) => {
    const { url } = await origin(t)
    const directory = project(t, {
      'main.cjs': COMMON_JS,
      'main.mjs': MODULE,
      'yarn.lock': '',
      '.yarnrc.yml': 'nodeLinker: pnp\npnpEnableEsmLoader: true\n',
    })
    const yarn = (...args) =>
      run(directory, process.execPath, [tool('@yarnpkg/cli-dist/bin/yarn.js'), ...args])
    await yarn('install')
    assert.equal(await yarn('node', 'main.cjs', url), FINE)
    assert.equal(await yarn('node', 'main.mjs', url), FINE_FILE)
    assert.ok(!existsSync(join(directory, 'node_modules')))
  })

  const bun = tool('@oven/bun-linux-x64/bin/bun')
  test('Bun', { skip: !existsSync(bun) && 'it is not installed here' }, async (t) => {
    const { url } = await origin(t)
    const directory = project(t, { 'main.cjs': COMMON_JS, 'main.mjs': MODULE })
    await run(directory, bun, ['install'])
    assert.equal(await run(directory, bun, ['main.cjs', url]), FINE)
    assert.equal(await run(directory, bun, ['main.mjs', url]), FINE_FILE)
  })

  const deno = tool('@deno/linux-x64-glibc/deno')
  test('Deno', { skip: !existsSync(deno) && 'it is not installed here' }, async (t) => {
    const { url } = await origin(t)
    const directory = project(t, { 'main.cjs': COMMON_JS, 'main.mjs': MODULE })
    await run(directory, deno, ['install', '--node-modules-dir=auto'])
    assert.equal(await run(directory, deno, ['run', '--allow-all', 'main.cjs', url]), FINE)
    assert.equal(await run(directory, deno, ['run', '--allow-all', 'main.mjs', url]), FINE_FILE)
  })

  test('publint and attw find nothing', async (t) => {
    const directory = temporaryDirectory(t)
    await run(directory, process.execPath, [tool('publint/src/cli.js'), tarballs.main, '--strict'])
    await run(directory, process.execPath, [
      tool('@arethetypeswrong/cli/dist/index.js'),
      tarballs.main,
    ])
  })
})
