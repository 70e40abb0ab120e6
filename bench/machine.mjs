// Where and with what the numbers were measured.

import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { BENCH, PATH, ROOT } from './prepare.mjs'

export function machine(directory) {
  const processors = cpus()
  return {
    cpu: processors[0]?.model,
    cores: processors.length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    fileSystem: execFileSync('stat', ['-f', '-c', '%T', directory], { encoding: 'utf8' }).trim(),
  }
}

export function versions() {
  const { dependencies } = json(join(BENCH, 'package.json'))
  return {
    ours: `${json(join(ROOT, 'package.json')).version}, ${commit()}`,
    node: process.versions.node,
    'undici of node': process.versions.undici,
    nginx: firstLine('nginx', '-v'),
    openssl: firstLine('openssl', 'version'),
    curl: firstLine('curl', '--version'),
    aria2c: firstLine('aria2c', '--version'),
    ...Object.fromEntries(Object.keys(dependencies).map((name) => [name, installed(name)])),
  }
}

const json = (path) => JSON.parse(readFileSync(path, 'utf8'))

const installed = (name) => json(join(BENCH, 'node_modules', name, 'package.json')).version

const commit = () => firstLine('git', '-C', ROOT, 'describe', '--always', '--dirty')

/** Returns the first line that a program prints, on stdout or, as nginx does, on stderr. */
function firstLine(program, ...args) {
  const { stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, PATH },
  })
  return (stdout || stderr)?.split('\n')[0] || 'not installed'
}
