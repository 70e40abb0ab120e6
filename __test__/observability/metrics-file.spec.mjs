// SOCKET_METRICS_FILE: what processes leave behind, and the sum of it.

import assert from 'node:assert/strict'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../helpers/support.mjs'
import { require, runNode, startServer } from './server.mjs'

const { describeMetrics, sumMetricsFile } = require('../../lib/metrics-file.js')

const program = (body) => `
  import { flushMetrics, getMetrics, httpRequest, resetMetrics } from '@socketsecurity/registry'
  import { Worker } from 'node:worker_threads'
  const [url] = process.argv.slice(1)
  ${body}
`

/** Runs a program with the variable; gives the lines that it left. */
async function run(t, body, { url, file = join(temporaryDirectory(t), 'metrics'), env } = {}) {
  const variables = { SOCKET_METRICS_FILE: file, ...env }
  const output = await runNode(program(body), { args: [url], env: variables })
  const text = existsSync(file) && statSync(file).isFile() ? readFileSync(file, 'utf8') : ''
  const lines = text.split('\n').filter(Boolean)
  return { ...output, file, text, lines: lines.map((line) => JSON.parse(line)) }
}

test('a process appends one line at its exit', async (t) => {
  const { url, host } = await startServer(t)
  const body = 'await httpRequest(url + "/status/503,200", { retries: 1, retryDelay: 1 })'
  const { lines, text, file } = await run(t, body, { url })
  assert.equal(lines.length, 1)
  assert.ok(text.endsWith('}\n') && Buffer.byteLength(text) < 4096)
  const [{ v, pid, since, until, requests, hosts }] = lines
  assert.deepEqual([v, typeof pid, requests.total, requests.retries], [1, 'number', 1, 1])
  assert.ok(since <= until && Date.now() - until < 60_000)
  assert.deepEqual(hosts[host].slice(0, 2), [1, 0])
  if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600)
})

test('process.exit() and an uncaught error are exits, too', async (t) => {
  const { url } = await startServer(t)
  const { lines } = await run(t, 'await httpRequest(url); process.exit()', { url })
  assert.equal(lines.length, 1)
  const file = join(temporaryDirectory(t), 'metrics')
  await assert.rejects(run(t, 'await httpRequest(url); throw new Error("x")', { url, file }))
  assert.equal(readFileSync(file, 'utf8').trim().split('\n').length, 1)
})

test('a flush returns whether it wrote, and nothing is written twice', async (t) => {
  const { url } = await startServer(t)
  const body = `
    await httpRequest(url)
    console.log(flushMetrics(), flushMetrics())
    await httpRequest(url)
    resetMetrics()
    console.log(getMetrics().requests.total)
  `
  const { lines, stdout, file } = await run(t, body, { url })
  assert.equal(stdout, 'true false\n0\n')
  assert.deepEqual(
    lines.map(({ requests }) => requests.total),
    [1, 1],
  )
  const { metrics, lines: count, broken } = sumMetricsFile(file)
  assert.deepEqual(
    [metrics.requests.total, metrics.requests.duration.count, count, broken],
    [2, 2, 2, 0],
  )
})

test('Workers are counted once', async (t) => {
  const { url } = await startServer(t)
  const body = `
    const source = "const { httpRequest } = require('@socketsecurity/registry'); httpRequest(require('node:worker_threads').workerData)"
    const worker = () => new Promise((resolve) => new Worker(source, { eval: true, execArgv: [], workerData: url }).on('exit', resolve))
    await Promise.all([worker(), worker(), httpRequest(url)])
    await worker()
  `
  const { file } = await run(t, body, { url })
  assert.equal(sumMetricsFile(file).metrics.requests.total, 4)
})

test('a process that has done nothing, or has no variable, writes nothing', async (t) => {
  const { url } = await startServer(t)
  const idle = await run(t, 'getMetrics()', { url })
  assert.equal(existsSync(idle.file), false)
  const body = `
    const before = process.listenerCount('exit')
    await httpRequest(url)
    console.log(flushMetrics(), process.listenerCount('exit') - before)
  `
  const without = await run(t, body, { url, env: { SOCKET_METRICS_FILE: '' } })
  assert.equal(without.stdout, 'false 0\n')
})

test('a file that is not trusted is left alone, and reported once', {
  skip: process.platform === 'win32',
}, async (t) => {
  const { url } = await startServer(t)
  const directory = temporaryDirectory(t)
  const at = (name) => join(directory, name)
  writeFileSync(at('target'), '')
  symlinkSync(at('target'), at('link'))
  symlinkSync(at('nothing'), at('dangling'))
  writeFileSync(at('shared'), '')
  chmodSync(at('shared'), 0o666)
  writeFileSync(at('twice'), '')
  linkSync(at('twice'), at('second'))
  mkdirSync(at('directory'))
  for (const name of ['link', 'dangling', 'shared', 'twice', 'directory', 'missing/file']) {
    const body = 'await httpRequest(url); console.log(flushMetrics(), flushMetrics())'
    const env = { NODE_DEBUG: 'socket-registry' }
    const { stdout, stderr } = await run(t, body, { url, file: at(name), env })
    assert.equal(stdout, 'false false\n', name)
    assert.equal(stderr.split('Failed to append to the file of metrics').length, 2, stderr)
    assert.ok(stderr.includes(at(name)), stderr)
  }
  for (const name of ['target', 'shared', 'twice']) assert.equal(readFileSync(at(name), 'utf8'), '')
  assert.equal(existsSync(at('nothing')), false)
})

test('without NODE_DEBUG nobody hears of it', async (t) => {
  const { url } = await startServer(t)
  const file = join(temporaryDirectory(t), 'missing', 'file')
  const { stderr } = await run(t, 'await httpRequest(url)', { url, file })
  assert.equal(stderr, '')
})

test('many kinds of errors and hosts still make a line under 4 KiB', async (t) => {
  const { url } = await startServer(t)
  const body = `
    const calls = []
    for (let index = 0; index < 150; index += 1) {
      calls.push(httpRequest('http://' + 'a'.repeat(40) + index + '.invalid:' + (index + 1) + '/', { proxy: 'http://127.0.0.1:1' }))
      calls.push(httpRequest(url + '/status/' + (400 + index)))
    }
    await Promise.allSettled(calls)
  `
  const { lines, text } = await run(t, body, { url })
  assert.ok(Buffer.byteLength(text) < 4096 && Buffer.byteLength(text) > 3500, `${text.length}`)
  assert.equal(lines.length, 1)
  assert.equal(lines[0].requests.total, 300)
})

test('twenty processes append to one file at once', async (t) => {
  const { url } = await startServer(t)
  const file = join(temporaryDirectory(t), 'metrics')
  const body = `
    for (let round = 0; round < 10; round += 1) {
      await httpRequest(url + '/status/404')
      flushMetrics()
    }
  `
  const processes = Array.from({ length: 20 }, () =>
    run(t, body, { url, file }).catch((error) => error),
  )
  const failed = (await Promise.all(processes)).filter(
    (each) => each instanceof Error && !(each instanceof SyntaxError),
  )
  assert.deepEqual(failed, [])
  const { metrics, errors, lines, broken, prometheus } = sumMetricsFile(file)
  assert.deepEqual([lines, broken, metrics.requests.total], [200, 0, 200])
  assert.deepEqual([errors.length, errors[0].count], [1, 200])
  assert.match(prometheus, /^socket_registry_requests_failed_total 200$/m)
})

test('broken lines are ignored and counted', async (t) => {
  const { url } = await startServer(t)
  const { file, text } = await run(t, 'await httpRequest(url)', { url })
  appendFileSync(
    file,
    `${text.slice(0, 100)}\n\nnonsense\n{"v":2,"since":1}\n${text}${text.slice(0, 50)}`,
  )
  const { metrics, lines, broken } = sumMetricsFile(file)
  assert.deepEqual([lines, broken, metrics.requests.total], [2, 4, 2])
})

test('a sum can be printed as text', async (t) => {
  const { url } = await startServer(t)
  const body = `
    await httpRequest(url + '/status/503,200', { retries: 1, retryDelay: 1 })
    await httpRequest(url + '/status/404')
  `
  const { file } = await run(t, body, { url })
  const text = describeMetrics(sumMetricsFile(file))
  for (const line of [
    /^1 line of processes/m,
    /2 requests, 50\.0 % succeeded/,
    /1 retry, 50\.0 % more attempts/,
    /ERR_HTTP_STATUS .*404.* 1 time/,
  ]) {
    assert.match(text, line)
  }
})

test('a file that is not there is an error that names it', () => {
  assert.throws(() => sumMetricsFile('/no/such/file'), {
    code: 'ENOENT',
    message: /Failed to read the file of metrics: .*\/no\/such\/file/,
  })
})
