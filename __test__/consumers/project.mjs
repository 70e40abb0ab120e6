// A project of somebody who uses the package: an empty directory, with programs of `programs/`, and
// a registry of its own.

import { execFile, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from '../helpers/support.mjs'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SHELL = process.platform === 'win32'

/** A file of the tools that are installed here. */
export const tool = (path) => join(HERE, 'node_modules', path)

/** Why a test that needs a tool cannot run; false when it can. */
export function missing(path) {
  if (existsSync(tool(path))) return false
  return `${path.split('/')[0]} is not installed: npm ci --prefix __test__/consumers`
}

/** The same for an executable, which may be there and do nothing. */
export function cannotRun(executable) {
  const { error, status } = spawnSync(executable, ['--version'])
  return (
    (error || status !== 0) &&
    `${executable} cannot be run: ${error?.code ?? `exit code ${status}`}`
  )
}

/**
 * @param {import('node:test').TestContext} t the project is removed after this test
 * @param {string} registry
 * @param {string[]} programs names in `programs/`
 * @param {Record<string, string>} dependencies
 */
export function startProject(t, registry, programs = [], dependencies = {}) {
  const directory = temporaryDirectory(t)
  const project = {
    directory,
    path: (...names) => join(directory, ...names),

    write(name, content) {
      mkdirSync(dirname(join(directory, name)), { recursive: true })
      writeFileSync(
        join(directory, name),
        typeof content === 'string' ? content : JSON.stringify(content),
      )
    },

    /** A file of the repository, or a directory. */
    copy(from, to) {
      cpSync(join(ROOT, from), join(directory, to), { recursive: true })
    },

    /**
     * Something that would be installed too, if there were a registry that has it. `place` is where
     * it is installed.
     */
    link(name, place) {
      mkdirSync(dirname(join(directory, 'node_modules', name)), { recursive: true })
      symlinkSync(place, join(directory, 'node_modules', name), 'junction')
    },

    /**
     * Resolves with what a program prints, on both streams; rejects with it when the program fails.
     */
    async run(command, args = [], { env = {}, shell = false } = {}) {
      const options = { cwd: directory, env: { ...environment(directory), ...env }, shell }
      return new Promise((resolve, reject) => {
        execFile(command, args, options, (error, stdout, stderr) => {
          const said = `${stdout}${stderr}`
          if (error) reject(Object.assign(new Error(`${error.message}\n${said}`), { said }))
          else resolve(said)
        })
      })
    },

    node: (...args) => project.run(process.execPath, args),
    // npm is a .cmd file on Windows.
    npm: (...args) => project.run('npm', args, { shell: SHELL }),
  }

  project.write('package.json', { name: 'consumer', version: '1.0.0', private: true, dependencies })
  project.write(
    '.npmrc',
    `registry=${registry}\naudit=false\nfund=false\nupdate-notifier=false\nfetch-retries=0\n`,
  )
  for (const name of programs) project.copy(`__test__/consumers/programs/${name}`, name)
  return project
}

/** Neither settings nor caches of who runs the tests, and no proxy. */
function environment(home) {
  const { PATH, SystemRoot, ComSpec, PATHEXT, TEMP, TMP } = process.env
  const given = { PATH, SystemRoot, ComSpec, PATHEXT, TEMP, TMP }
  const known = Object.entries(given).filter(([, value]) => value !== undefined)
  return {
    ...Object.fromEntries(known),
    HOME: home,
    USERPROFILE: home,
    APPDATA: join(home, 'AppData'),
    LOCALAPPDATA: join(home, 'AppData'),
    CI: '1',
    DENO_DIR: join(home, '.deno'),
    DENO_NO_UPDATE_CHECK: '1',
  }
}
