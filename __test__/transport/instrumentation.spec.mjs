// Instrumentation of node:http finds the requests of the library, in the context of their callers.

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { startOrigin } from '../helpers/origins/http-origin.mjs'

const require = createRequire(import.meta.url)

const { context, trace, SpanKind } = require('@opentelemetry/api')
const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks')
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http')
const {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} = require('@opentelemetry/sdk-trace-base')
const { W3CTraceContextPropagator } = require('@opentelemetry/core')
const { propagation } = require('@opentelemetry/api')

const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
trace.setGlobalTracerProvider(provider)
propagation.setGlobalPropagator(new W3CTraceContextPropagator())
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
const instrumentation = new HttpInstrumentation({ disableIncomingRequestInstrumentation: true })
instrumentation.setTracerProvider(provider)
instrumentation.enable()
const http = require('node:http')

const { httpRequest } = require('@socketsecurity/registry')

test('OpenTelemetry makes a span of each attempt, below that of the caller', async (t) => {
  const origin = await startOrigin(t, [{ status: 503 }, { body: 'ok' }])
  const tracer = trace.getTracer('test')
  const parent = tracer.startSpan('caller')
  const options = { transport: 'node', retries: 1, retryDelay: 1 }
  await context.with(trace.setSpan(context.active(), parent), () =>
    httpRequest(origin.url, options),
  )
  parent.end()
  const spans = exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.CLIENT)
  assert.equal(spans.length, 2)
  const { traceId, spanId } = parent.spanContext()
  spans.forEach((span, index) => {
    assert.equal(span.parentSpanContext.spanId, spanId)
    const { traceparent } = origin.requests[index].headers
    assert.equal(traceparent, `00-${traceId}-${span.spanContext().spanId}-01`)
  })
})

test('the context of each call is its own', async (t) => {
  const origin = await startOrigin(t, { body: 'x' })
  const storage = new AsyncLocalStorage()
  const { request } = http
  const seen = []
  t.mock.method(http, 'request', (...all) => {
    seen.push(storage.getStore())
    return request(...all)
  })
  const call = (name) => storage.run(name, () => httpRequest(origin.url, { transport: 'node' }))
  await Promise.all(['a', 'b', 'c'].map(call))
  assert.deepEqual(seen.sort(), ['a', 'b', 'c'])
})

test("undici's MockAgent sees neither transport", async (t) => {
  const { MockAgent, getGlobalDispatcher, setGlobalDispatcher } = require('undici')
  const origin = await startOrigin(t, { body: 'real' })
  const dispatcher = getGlobalDispatcher()
  const agent = new MockAgent()
  t.after(() => {
    setGlobalDispatcher(dispatcher)
    return agent.close()
  })
  setGlobalDispatcher(agent)
  agent.disableNetConnect()
  agent.get(origin.url).intercept({ path: '/' }).reply(200, 'mocked').persist()
  assert.equal(await (await fetch(origin.url)).text(), 'mocked')
  for (const transport of ['native', 'node']) {
    assert.equal((await httpRequest(origin.url, { transport })).text(), 'real')
  }
})
