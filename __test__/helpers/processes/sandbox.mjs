// Runs the package as a test runner with a simulated browser does: its JavaScript is evaluated in a
// context of its own, whose globals are not those of Node.js. Prints `settled` if all is well.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { compileFunction, createContext, runInContext } from 'node:vm'
import '../origins/no-proxy.mjs'

const outer = createRequire(import.meta.url)
// No Response, FormData, Blob or Headers: those of the context are its own.
const context = createContext({ console, process, Buffer, URL, AbortController, AbortSignal })
const loaded = new Map()

/** `require` for the modules of the package, in the context. */
function requireFrom(file) {
  const { resolve } = createRequire(file)
  return (name) => {
    const path = resolve(name)
    if (name.startsWith('node:') || path.endsWith('.json')) return outer(path)
    if (loaded.has(path)) return loaded.get(path).exports
    const module = { exports: {} }
    loaded.set(path, module)
    const names = ['module', 'exports', 'require', '__dirname', '__filename']
    const code = compileFunction(readFileSync(path, 'utf8'), names, {
      filename: path,
      parsingContext: context,
    })
    code(module, module.exports, requireFrom(path), dirname(path), path)
    return module.exports
  }
}

const entry = createRequire(import.meta.url).resolve('@socketsecurity/registry')
context.registry = requireFrom(entry)(entry)

const server = createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const type = request.headers['content-type'] ?? ''
  const isForm = type.startsWith('multipart/form-data')
  const text = isForm
    ? JSON.stringify([...(await new Response(body, { headers: request.headers }).formData())])
    : body.toString()
  response.end(`${type.split('; boundary')[0]}|${request.headers['x-a']}|${text}`)
})
server.listen(0, '127.0.0.1', async () => {
  context.url = `http://127.0.0.1:${server.address().port}`
  const results = await runInContext(
    `(async () => {
      class FormData {
        get [Symbol.toStringTag]() { return 'FormData' }
        *[Symbol.iterator]() { yield ['a', 'b'] }
      }
      class Blob {
        type = 'x/y'
        get [Symbol.toStringTag]() { return 'Blob' }
        async arrayBuffer() { return new Uint8Array([104, 105]).buffer }
      }
      const bodies = [
        new FormData(),
        new Blob(),
        new Uint8Array([104, 105]),
        new Uint16Array([0x6968]),
        (async function* () { yield 'hi' })(),
      ]
      const results = []
      for (const body of bodies) {
        const headers = new Map([['X-A', 1]])
        const response = await registry.httpRequest(url, { method: 'POST', body, headers })
        results.push(response.text())
      }
      return results
    })()`,
    context,
  )
  assert.deepEqual(
    [...results],
    ['multipart/form-data|1|[["a","b"]]', 'x/y|1|hi', '|1|hi', '|1|hi', '|1|hi'],
  )
  console.log('settled')
  server.close()
  server.closeAllConnections()
})
