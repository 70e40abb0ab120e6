// The types of the package compile, with what consumers write, for Node.js and for bundlers.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const TYPES = fileURLToPath(new URL('../types/', import.meta.url))

/**
 * Returns the files of this repository that a project compiles, and the errors of the compiler.
 * Declarations in `node_modules` are not checked.
 */
function faultsOf(project) {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (fault) => faults.push(fault) }
  const faults = []
  const { fileNames, options, errors } = ts.getParsedCommandLineOfConfigFile(
    `${TYPES}${project}.json`,
    {},
    host,
  )
  const program = ts.createProgram(fileNames, options)
  faults.push(...errors, ...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics())
  const ours = program
    .getSourceFiles()
    .filter(({ fileName }) => !fileName.includes('/node_modules/'))
  for (const file of ours) faults.push(...ts.getPreEmitDiagnostics(program, file))
  const names = ours.map(({ fileName }) => fileName.split('/').at(-1))
  return { names, faults: faults.map((fault) => ts.formatDiagnostic(fault, formatHost)) }
}

const formatHost = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => TYPES,
  getNewLine: () => '\n',
}

for (const project of ['nodenext', 'bundler']) {
  test(`they compile with the settings of ${project}.json`, () => {
    const { names, faults } = faultsOf(project)
    assert.deepEqual(faults, [])
    for (const name of ['index.d.ts', 'http-request.d.ts', 'consumer.mts']) {
      assert.ok(names.includes(name), `${name} is not among ${names}`)
    }
  })
}

test('a fault is found', () => {
  const { faults } = faultsOf('faulty')
  assert.equal(faults.length, 1)
  assert.match(faults[0], /faulty\.mts\(\d+,\d+\): error TS2322/)
})
