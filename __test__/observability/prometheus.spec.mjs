// The text for Prometheus: accepted by its own tools, and the dashboard asks for nothing else.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { httpRequest, metricsToPrometheus, resetMetrics } from '@socketsecurity/registry'
import { temporaryDirectory, until } from '../helpers/support.mjs'
import { startServer } from './server.mjs'

/** A reason to skip where a program of the Debian package `prometheus` is not installed. */
function without(program) {
  const { error } = spawnSync(program, ['--version'], { stdio: 'ignore' })
  return error ? `${program} is not installed` : false
}

/** Some of everything. */
async function act(t) {
  const { url, host } = await startServer(t)
  resetMetrics()
  await httpRequest(`${url}/status/503,200`, { retries: 1, retryDelay: 1 })
  await httpRequest(`${url}/status/404`)
  return { url, host }
}

const samples = (text, name) => text.split('\n').filter((line) => line.startsWith(name))

test('the text has the numbers, in base units', async (t) => {
  const { host } = await act(t)
  const text = metricsToPrometheus()
  const line = (name, value) => assert.ok(text.includes(`\n${name} ${value}\n`), `${name} ${value}`)
  line('socket_registry_requests_total', 2)
  line('socket_registry_request_retries_total', 1)
  line('socket_registry_responses_total{status="5xx"}', 1)
  line(`socket_registry_host_requests_total{host="${host}"}`, 2)
  line('socket_registry_request_duration_seconds_bucket{le="+Inf"}', 2)
  line('socket_registry_request_duration_seconds_count', 2)
  const [error] = samples(text, 'socket_registry_errors_total')
  const labels = `operation="request",code="ERR_HTTP_STATUS",host="${host}",status="404"`
  assert.equal(error, `socket_registry_errors_total{${labels}} 1`)
  const [since] = samples(text, 'socket_registry_counting_since_timestamp_seconds')
  assert.ok(Math.abs(Date.now() / 1000 - Number(since.split(' ')[1])) < 60, since)
})

test('buckets are those of OpenTelemetry, and count upwards', async (t) => {
  await act(t)
  const lines = samples(metricsToPrometheus(), 'socket_registry_request_duration_seconds_bucket')
  const bounds = lines.map((line) => /le="(.+)"/.exec(line)[1])
  assert.deepEqual(
    bounds,
    '0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 +Inf'.split(' '),
  )
  const counts = lines.map((line) => Number(line.split(' ')[1]))
  assert.deepEqual(
    counts,
    counts.toSorted((one, other) => one - other),
  )
})

test('promtool has no complaint', { skip: without('promtool') }, async (t) => {
  await act(t)
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: metricsToPrometheus(),
    encoding: 'utf8',
  })
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' })
})

test('a Prometheus server scrapes it', { skip: without('prometheus') }, async (t) => {
  await act(t)
  const target = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4')
    response.end(metricsToPrometheus())
  })
  target.listen(0, '127.0.0.1')
  await once(target, 'listening')
  t.after(() => {
    target.closeAllConnections()
    target.close()
  })
  const directory = temporaryDirectory(t)
  const config = join(directory, 'prometheus.yml')
  const targets = `[{ targets: ['127.0.0.1:${target.address().port}'] }]`
  writeFileSync(
    config,
    `global: { scrape_interval: 200ms, scrape_timeout: 200ms }\nscrape_configs: [{ job_name: registry, static_configs: ${targets} }]\n`,
  )
  const port = await freePort()
  const server = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  )
  const exited = once(server, 'exit')
  t.after(async () => {
    server.kill()
    await exited
  })
  const ask = async (query) => {
    const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`
    const { data } = await fetch(url)
      .then((response) => response.json())
      .catch(() => ({}))
    return data?.result ?? []
  }
  let found = []
  const poll = setInterval(async () => {
    found = await ask('socket_registry_requests_total')
  }, 100)
  t.after(() => clearInterval(poll))
  await until(() => found.length > 0, 'it has scraped', 30_000)
  assert.equal(found[0].value[1], '2')
  const quantile = 'histogram_quantile(0.9, socket_registry_request_duration_seconds_bucket)'
  assert.ok(Number((await ask(quantile))[0].value[1]) > 0)
  // Prometheus understands each query of the dashboard, whatever the result.
  for (const { expr } of queries()) {
    const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(concrete(expr))}`
    const response = await fetch(url)
    assert.equal(response.status, 200, `${expr}: ${await response.text()}`)
  }
})

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

const dashboard = JSON.parse(
  readFileSync(new URL('../../docs/grafana.json', import.meta.url), 'utf8'),
)

function queries() {
  return dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr })),
  )
}

/** Without the variables of Grafana. */
const concrete = (expr) => expr.replaceAll('$__rate_interval', '1m')

test('the dashboard uses only names that exist', async (t) => {
  await act(t)
  const text = metricsToPrometheus()
  const known = new Set(text.match(/^socket_registry_\w+/gm))
  assert.ok(queries().length >= 8)
  for (const { title, expr } of queries()) {
    const names = expr.match(/socket_registry_\w+/g)
    assert.ok(names, title)
    for (const name of names) assert.ok(known.has(name), `${name} of ${title}`)
  }
})
