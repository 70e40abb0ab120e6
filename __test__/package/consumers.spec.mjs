// The package as users have it: packed, installed into an empty project by several package
// managers, and used. There is no network: the only registry is on the loopback, and has nothing
// else.

import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { addonName, mainManifest, platformManifest } from '../../scripts/manifest.mjs'
import { makeTarballs } from '../../scripts/tarballs.mjs'
import { cannotRun, missing, startProject, tool } from '../consumers/project.mjs'
import { startOrigin } from '../helpers/origins/http-origin.mjs'
import { startRegistry } from '../helpers/origins/registry-origin.mjs'
import { temporaryDirectory } from '../helpers/support.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const require = createRequire(import.meta.url)
const { TARGETS, libcOf, targetsOf } = require('../../lib/target.js')
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const NAME = manifest.name
const SHELL = process.platform === 'win32'
const DEPENDENCIES = { [NAME]: manifest.version }

/** The target that npm takes here, and on Linux that of the other libc. */
const [own, other] = targetsOf({
  ...{ platform: process.platform, arch: process.arch },
  libc: process.platform === 'linux' ? libcOf(readFileSync('/proc/self/maps', 'latin1')) : '',
})
const OWN = `${NAME}-${own}`
const isBuilt = [`npm/${own}/${addonName(own)}`, addonName(own)].some((path) =>
  existsSync(join(ROOT, path)),
)

/** Set in every executable of Node.js that can become an application of its own. */
const SEA_FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
const noApplications =
  !readFileSync(process.execPath).includes(SEA_FUSE) &&
  'this Node.js cannot be made an application of'

const BODY = '{"fine":true}'
const SAID = `{"fine":true,"size":${BODY.length}}\n`

describe('the packed package', {
  concurrency: 2,
  skip: !isBuilt && `there is no addon for ${own} here`,
}, () => {
  let tarballs
  let packages
  let registry
  const directories = []

  before(async () => {
    tarballs = makeTarballs(temporaryDirectory({ after: (remove) => directories.push(remove) }))
    const platforms = TARGETS.map((target) => ({
      manifest: platformManifest(manifest, target),
      tarball: tarballs.platforms[target],
    }))
    const main = { manifest: mainManifest(manifest, TARGETS), tarball: tarballs.main }
    packages = [main, ...platforms]
    registry = await startRegistry(packages)
  })

  after(() => {
    for (const remove of directories) remove()
    if (!registry) return
    registry.close()
    // Everybody took what fits, and nothing else.
    assert.deepEqual([...new Set(registry.fetched)].sort(), [NAME, OWN].sort())
    assert.deepEqual(registry.unknown, [])
  })

  const start = (t, ...programs) => startProject(t, registry.url, programs, DEPENDENCIES)

  /** A project with the package in it, by npm. */
  async function installed(t, ...programs) {
    const project = start(t, ...programs)
    await project.npm('install')
    return project
  }

  const origin = (t) => startOrigin(t, { body: BODY })

  describe('with npm', () => {
    test('brings the one addon that fits, and nothing that it does not need', async (t) => {
      const project = await installed(t)
      const packages = readdirSync(project.path('node_modules/@socketsecurity'))
      assert.deepEqual(packages.sort(), ['registry', `registry-${own}`])
      const files = (name) => readdirSync(project.path('node_modules', name)).sort()
      const common = ['LICENSE', 'README.md', 'package.json']
      assert.deepEqual(files(OWN), [...common, addonName(own)])
      assert.deepEqual(files(NAME), [...common, 'CHANGELOG.md', 'index.d.ts', 'lib'].sort())
      const code = readdirSync(project.path('node_modules', NAME, 'lib'), { recursive: true })
      assert.deepEqual(
        code.filter((name) => /\.\w/.test(name) && !/\.(js|d\.ts)$/.test(name)),
        [],
      )
      const lock = JSON.parse(readFileSync(project.path('package-lock.json'), 'utf8'))
      assert.ok(Object.values(lock.packages).every((each) => !each.hasInstallScript))
      await project.npm('ls', '--all')
    })

    test('from CommonJS', async (t) => {
      const { url } = await origin(t)
      const project = await installed(t, 'main.cjs')
      assert.equal(await project.node('main.cjs', url), SAID)
    })

    test('from a module', async (t) => {
      const { url } = await origin(t)
      const project = await installed(t, 'main.mjs')
      assert.equal(await project.node('main.mjs', url), SAID)
    })

    test('from a Worker', async (t) => {
      const { url } = await origin(t)
      const project = await installed(t, 'main.mjs', 'thread.mjs')
      assert.equal(await project.node('thread.mjs', url), SAID)
    })

    test('with the command, by its name and by that of the package', async (t) => {
      const { url } = await origin(t)
      const project = await installed(t)
      const said = await project.npm('exec', '--', 'socket-registry', '--version')
      assert.equal(said, `${manifest.version}\n`)
      const npx = (...args) => project.run('npx', ['--no', NAME, ...args], { shell: SHELL })
      const result = JSON.parse(await npx('download', url, 'file', '--json', '--no-progress'))
      assert.deepEqual([result.status, result.size], ['downloaded', BODY.length])
      project.write('manifest.json', { entries: [{ url, dest: 'warm' }] })
      assert.match(await npx('warm', 'manifest.json', '--dir', 'cache'), /1 downloaded/)
      assert.equal(readFileSync(project.path('cache/warm'), 'utf8'), BODY)
    })

    test('without scripts', async (t) => {
      const { url } = await origin(t)
      const project = start(t, 'main.cjs')
      await project.npm('install', '--ignore-scripts')
      assert.equal(await project.node('main.cjs', url), SAID)
    })

    test('from files, without any registry', async (t) => {
      const { url } = await origin(t)
      // Port 9 discards, if anything listens at all.
      const project = startProject(t, 'http://127.0.0.1:9/', ['main.cjs'])
      copyFileSync(tarballs.main, project.path('main.tgz'))
      copyFileSync(tarballs.platforms[own], project.path('platform.tgz'))
      await project.npm('install', '--offline', './main.tgz', './platform.tgz')
      assert.equal(await project.node('main.cjs', url), SAID)
      await project.npm('ls', '--all')
    })

    test('without the package of the platform the error names it, and how to get it', async (t) => {
      const project = start(t, 'main.cjs')
      await project.npm('install', '--omit=optional')
      await assert.rejects(project.node('main.cjs', 'http://127.0.0.1/'), ({ said }) => {
        assert.match(said, /ERR_ADDON_NOT_LOADED/)
        assert.match(said, new RegExp(`${OWN}: not installed`))
        assert.match(said, new RegExp(`npm install ${OWN}@${manifest.version}`))
        assert.match(said, /--omit=optional/)
        return true
      })
    })
  })

  describe('with another package manager', () => {
    test('pnpm, which has no scripts to ask about', {
      skip: missing('pnpm/bin/pnpm.cjs'),
    }, async (t) => {
      const { url } = await origin(t)
      const project = start(t, 'main.cjs', 'main.mjs')
      const store = project.path('store')
      const said = await project.node(tool('pnpm/bin/pnpm.cjs'), 'install', '--store-dir', store)
      assert.doesNotMatch(said, /script|approve/i)
      assert.equal(await project.node('main.cjs', url), SAID)
      assert.equal(await project.node('main.mjs', url), SAID)
    })

    test("Yarn, with Plug'n'Play", {
      skip: missing('@yarnpkg/cli-dist/bin/yarn.js'),
    }, async (t) => {
      const { url } = await origin(t)
      const project = start(t, 'main.cjs', 'main.mjs')
      const settings = {
        nodeLinker: 'pnp',
        pnpEnableEsmLoader: true,
        npmRegistryServer: registry.url,
        unsafeHttpWhitelist: ['127.0.0.1'],
        enableTelemetry: false,
        enableImmutableInstalls: false,
      }
      // JSON is YAML.
      project.write('.yarnrc.yml', settings)
      project.write('yarn.lock', '')
      const yarn = (...args) => project.node(tool('@yarnpkg/cli-dist/bin/yarn.js'), ...args)
      await yarn('install')
      assert.ok(!existsSync(project.path('node_modules')))
      assert.equal(await yarn('node', 'main.cjs', url), SAID)
      assert.equal(await yarn('node', 'main.mjs', url), SAID)
      assert.equal(readdirSync(project.path('.yarn/unplugged')).length, 1)
    })
  })

  describe('with another runtime', () => {
    // Both packages put their executable there when their scripts are run, as npm may refuse to do.
    const BUN = tool('bun/bin/bun.exe')
    const DENO = tool(`deno/deno${process.platform === 'win32' ? '.exe' : ''}`)

    test('Bun', { skip: cannotRun(BUN) }, async (t) => {
      const { url } = await origin(t)
      const project = start(t, 'main.cjs', 'main.mjs')
      const bun = (...args) => project.run(BUN, args)
      await bun('install')
      assert.equal(await bun('main.cjs', url), SAID)
      assert.equal(await bun('main.mjs', url), SAID)
    })

    test('Deno', { skip: cannotRun(DENO) }, async (t) => {
      const { url } = await origin(t)
      // It does not look at `libc`, and fetches the packages of both; what is in the other one does
      // not matter.
      const either = packages.map((each) =>
        each.manifest.name === `${NAME}-${other}` ? { ...each, tarball: tarballs.main } : each,
      )
      const both = await startRegistry(either)
      t.after(both.close)
      const project = startProject(t, both.url, ['main.cjs', 'main.mjs'], DEPENDENCIES)
      const deno = (...args) => project.run(DENO, args)
      await deno('install')
      assert.equal(await deno('run', '--allow-all', 'main.cjs', url), SAID)
      assert.equal(await deno('run', '--allow-all', 'main.mjs', url), SAID)
    })
  })

  describe('with tools', () => {
    const esbuild = () => import(pathToFileURL(tool('esbuild/lib/main.js')))

    /** As a bundle that needs nothing but the addon. */
    async function bundle(project, entry, outfile, options) {
      const { build } = await esbuild()
      await build({
        absWorkingDir: project.directory,
        bundle: true,
        entryPoints: [entry],
        external: [`${NAME}-*`],
        logLevel: 'silent',
        outfile,
        platform: 'node',
        ...options,
      })
    }

    test('TypeScript, strict, for Node.js and for bundlers', async (t) => {
      const project = await installed(t)
      project.copy('__test__/types', '.')
      for (const name of ['@types/node', 'undici-types']) {
        project.link(name, join(ROOT, 'node_modules', name))
      }
      const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
      // The declarations themselves: types.spec.mjs.
      await project.node(compiler, '-p', 'nodenext.json', '--skipLibCheck')
      await project.node(compiler, '-p', 'bundler.json', '--skipLibCheck')
    })

    test('esbuild, as CommonJS', { skip: missing('esbuild/lib/main.js') }, async (t) => {
      const { url } = await origin(t)
      const project = await installed(t, 'main.cjs')
      await bundle(project, 'main.cjs', 'bundle.cjs', { format: 'cjs' })
      rmSync(project.path('node_modules', NAME), { recursive: true })
      assert.equal(await project.node('bundle.cjs', url), SAID)
    })

    test('esbuild, as a module', { skip: missing('esbuild/lib/main.js') }, async (t) => {
      const { url } = await origin(t)
      const project = await installed(t, 'main.mjs')
      // Names that CommonJS defines and modules lack.
      const js = `import { createRequire } from 'node:module'
const require = createRequire(import.meta.url)
const __dirname = import.meta.dirname`
      await bundle(project, 'main.mjs', 'bundle.mjs', { format: 'esm', banner: { js } })
      rmSync(project.path('node_modules', NAME), { recursive: true })
      assert.equal(await project.node('bundle.mjs', url), SAID)
    })

    test('a single executable application that carries the addon', {
      skip: missing('postject/dist/cli.js') || missing('esbuild/lib/main.js') || noApplications,
    }, async (t) => {
      const { url } = await origin(t)
      const project = await installed(t, 'application.cjs')
      await bundle(project, 'application.cjs', 'bundle.cjs', { format: 'cjs' })
      project.write('application.json', {
        main: 'bundle.cjs',
        output: 'application.blob',
        disableExperimentalSEAWarning: true,
        assets: { 'registry.node': join('node_modules', OWN, addonName(own)) },
      })
      await project.node('--experimental-sea-config', 'application.json')
      const application = project.path(
        process.platform === 'win32' ? 'application.exe' : 'application',
      )
      copyFileSync(process.execPath, application)
      chmodSync(application, 0o755)
      const isMac = process.platform === 'darwin'
      // macOS runs no program whose signature does not fit, as that of a changed one.
      if (isMac) await project.run('codesign', ['--remove-signature', application])
      await project.node(
        tool('postject/dist/cli.js'),
        ...[application, 'NODE_SEA_BLOB', 'application.blob', '--sentinel-fuse', SEA_FUSE],
        ...(isMac ? ['--macho-segment-name', 'NODE_SEA'] : []),
      )
      if (isMac) await project.run('codesign', ['--sign', '-', application])

      // Where nothing is installed, and nothing is left behind.
      const elsewhere = startProject(t, registry.url)
      const temporary = elsewhere.path('temporary')
      elsewhere.write('temporary/kept', '')
      const env = { TMPDIR: temporary, TEMP: temporary, TMP: temporary }
      assert.equal(await elsewhere.run(application, [url], { env }), SAID)
      if (process.platform !== 'win32') assert.deepEqual(readdirSync(temporary), ['kept'])
    })

    test('Vitest', { skip: missing('vitest/vitest.mjs') }, async (t) => {
      const { url } = await origin(t)
      const project = await installed(t, 'asks.test.mjs')
      project.link('vitest', tool('vitest'))
      const args = [tool('vitest/vitest.mjs'), 'run']
      const said = await project.run(process.execPath, args, { env: { ORIGIN: url } })
      assert.match(said, /3 passed/)
    })

    test('publint finds nothing', { skip: missing('publint/src/cli.js') }, async (t) => {
      const project = start(t)
      for (const tarball of [tarballs.main, tarballs.platforms[own]]) {
        const said = await project.node(tool('publint/src/cli.js'), tarball, '--strict')
        assert.match(said, /All good/)
      }
    })

    test('Are The Types Wrong finds nothing', {
      skip: missing('@arethetypeswrong/cli/dist/index.js'),
    }, async (t) => {
      const project = start(t)
      const said = await project.node(tool('@arethetypeswrong/cli/dist/index.js'), tarballs.main)
      assert.match(said, /No problems found/)
    })
  })
})
