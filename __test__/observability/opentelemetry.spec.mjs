// The instrumentation of undici by OpenTelemetry, as its users install it, sees the requests of
// this package.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import { context, metrics, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { downloadWithLock, HttpClient, httpDownload, httpRequest } from '@socketsecurity/registry'
import { rejection, temporaryDirectory, until } from '../helpers/support.mjs'
import { startServer } from './server.mjs'

const exporter = new InMemorySpanExporter()
const tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({ exporter: metricExporter })
const meters = new MeterProvider({ readers: [reader] })
trace.setGlobalTracerProvider(tracers)
metrics.setGlobalMeterProvider(meters)
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
propagation.setGlobalPropagator(new W3CTraceContextPropagator())

const instrumentation = new UndiciInstrumentation()
instrumentation.setTracerProvider(tracers)
instrumentation.setMeterProvider(meters)
instrumentation.enable()
after(async () => {
  instrumentation.disable()
  await Promise.all([tracers.shutdown(), meters.shutdown()])
})
beforeEach(() => exporter.reset())

const tracer = trace.getTracer('spec')

/** Runs a call in a span of its own; gives that span, and those of the exchanges. */
async function traced(call) {
  const parent = tracer.startSpan('parent')
  await context.with(trace.setSpan(context.active(), parent), call).catch(() => {})
  parent.end()
  const spans = exporter.getFinishedSpans().filter(({ name }) => name !== 'parent')
  return { parent: parent.spanContext(), spans }
}

describe('spans', () => {
  test('an exchange is a client span with the attributes of the semantic conventions', async (t) => {
    const { url, port, requests: seen } = await startServer(t)
    const { parent, spans } = await traced(() => httpRequest(`${url}/path?q=1`))
    assert.equal(spans.length, 1)
    const [{ name, kind, attributes, parentSpanContext, status }] = spans
    assert.deepEqual([name, kind, status.code], ['GET', SpanKind.CLIENT, SpanStatusCode.UNSET])
    assert.equal(parentSpanContext.spanId, parent.spanId)
    const { 'user_agent.original': agent, ...others } = attributes
    assert.match(agent, /^socket-registry\//)
    assert.deepEqual(others, {
      'http.request.method': 'GET',
      'http.request.method_original': 'GET',
      'url.full': `${url}/path?q=1`,
      'url.path': '/path',
      'url.query': '?q=1',
      'url.scheme': 'http',
      'server.address': '127.0.0.1',
      'server.port': port,
      'network.peer.address': '127.0.0.1',
      'network.peer.port': port,
      'network.protocol.version': '1.1',
      'http.response.status_code': 200,
    })
    const { traceId, spanId } = spans[0].spanContext()
    assert.equal(seen[0].headers.traceparent, `00-${traceId}-${spanId}-01`)
    assert.equal(traceId, parent.traceId)
  })

  test('each attempt and each redirect has a span, beside the others', async (t) => {
    const { url, requests: seen } = await startServer(t)
    const { parent, spans } = await traced(async () => {
      await httpRequest(`${url}/status/503,503,200`, { retries: 2, retryDelay: 1 })
      await httpRequest(`${url}/redirect/2`)
    })
    assert.equal(spans.length, 6)
    assert.ok(spans.every(({ parentSpanContext }) => parentSpanContext.spanId === parent.spanId))
    assert.deepEqual(
      spans.map(({ attributes, status }) => [attributes['http.response.status_code'], status.code]),
      [
        [503, SpanStatusCode.ERROR],
        [503, SpanStatusCode.ERROR],
        [200, SpanStatusCode.UNSET],
        [302, SpanStatusCode.UNSET],
        [302, SpanStatusCode.UNSET],
        [200, SpanStatusCode.UNSET],
      ],
    )
    const sent = seen.map(({ headers }) => headers.traceparent.split('-')[2])
    assert.deepEqual(
      sent,
      spans.map((span) => span.spanContext().spanId),
    )
  })

  test('an error is recorded with its code', async (t) => {
    const { spans } = await traced(() =>
      httpRequest('http://127.0.0.1:1/', { retries: 1, retryDelay: 1 }),
    )
    assert.equal(spans.length, 2)
    for (const { status, attributes, events } of spans) {
      assert.equal(status.code, SpanStatusCode.ERROR)
      assert.match(status.message, /ECONNREFUSED/)
      assert.equal(attributes['error.type'], 'ECONNREFUSED')
      assert.deepEqual(
        events.map(({ name }) => name),
        ['exception'],
      )
    }
    const { url } = await startServer(t)
    exporter.reset()
    const late = await traced(() => httpRequest(`${url}/hang`, { timeout: 50 }))
    assert.equal(late.spans[0].attributes['error.type'], 'ERR_TIMEOUT')
  })

  test('a call that its caller ends is no error', async (t) => {
    const { url, requests: seen } = await startServer(t)
    const controller = new AbortController()
    const call = traced(() => rejection(httpRequest(`${url}/hang`, { signal: controller.signal })))
    await until(() => seen.length === 1, 'it was sent')
    controller.abort()
    await call
    await until(() => exporter.getFinishedSpans().length === 2, 'its span has ended')
    const span = exporter.getFinishedSpans().find(({ name }) => name === 'GET')
    assert.equal(span.status.code, SpanStatusCode.UNSET)
  })

  test('downloads and clients have spans as requests have', async (t) => {
    const { url } = await startServer(t)
    const directory = temporaryDirectory(t)
    const client = new HttpClient({ baseUrl: url, retryDelay: 1, cache: true, cacheDir: directory })
    const { parent, spans } = await traced(async () => {
      await httpDownload(`${url}/redirect/1`, join(directory, 'a'))
      await downloadWithLock(`${url}/bytes/10`, join(directory, 'b'))
      await client.getText('/status/503,200')
      await client.getText('/text')
      await client.getText('/text')
      await client.download('/bytes/10', join(directory, 'c'))
    })
    assert.ok(spans.every(({ parentSpanContext }) => parentSpanContext.spanId === parent.spanId))
    assert.deepEqual(
      spans.map(({ attributes }) => attributes['url.path']),
      [
        '/redirect/1',
        '/redirect/0',
        '/bytes/10',
        '/status/503,200',
        '/status/503,200',
        '/text',
        '/bytes/10',
      ],
    )
  })

  test('calls at once have each its own parent', async (t) => {
    const { url } = await startServer(t)
    const all = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const parent = tracer.startSpan(`parent ${index}`)
        const call = () => httpRequest(`${url}/call?n=${index}`)
        await context.with(trace.setSpan(context.active(), parent), call)
        parent.end()
        return parent.spanContext().spanId
      }),
    )
    for (const [index, parent] of all.entries()) {
      const spans = exporter.getFinishedSpans()
      const span = spans.find(({ attributes }) => attributes['url.query'] === `?n=${index}`)
      assert.equal(span.parentSpanContext.spanId, parent)
    }
  })

  test('secrets of a URL do not leave by a span', async (t) => {
    const { url } = await startServer(t)
    const secret = `${url.replace('//', '//user:hunter2@')}/?api_key=hunter2`
    const { spans } = await traced(() => httpRequest(secret))
    assert.ok(!JSON.stringify(spans[0].attributes).includes('hunter2'))
  })
})

test('the duration of each exchange is in the histogram of the semantic conventions', async (t) => {
  const { url, port } = await startServer(t)
  await httpRequest(`${url}/status/503,200`, { retries: 1, retryDelay: 1 })
  await rejection(httpRequest(`${url}/cut/1000`))
  await reader.forceFlush()
  const found = metricExporter
    .getMetrics()
    .at(-1)
    .scopeMetrics.flatMap(({ metrics }) => metrics)
    .find(({ descriptor }) => descriptor.name === 'http.client.request.duration')
  const points = found.dataPoints.filter(({ attributes }) => attributes['server.port'] === port)
  const counts = points.map(({ attributes, value }) => [
    attributes['http.response.status_code'],
    attributes['error.type'],
    value.count,
  ])
  assert.deepEqual(
    counts.sort(),
    [
      [200, 'ERR_BODY_LENGTH', 1],
      [200, undefined, 1],
      [503, '503', 1],
    ].sort(),
  )
})
