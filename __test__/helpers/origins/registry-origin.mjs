// A registry of npm on the loopback, which has the packages of some tarballs.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import './no-proxy.mjs'

/**
 * `packages`: `{ manifest, tarball }`, the latter a path. A package without a tarball is listed;
 * whoever fetches it gets an error. Resolves with its `url`, the names of the packages that were
 * `fetched`, all other requests as `unknown`, and `close`.
 */
export async function startRegistry(packages) {
  const registry = { url: '', fetched: [], unknown: [], close: () => server.close() }
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, registry.url).pathname).slice(1)
    const listed = packages.find(({ manifest }) => path === manifest.name)
    if (listed) return sendJson(response, 200, packument(listed, registry.url))
    const wanted = packages.find(({ manifest }) => path === fileOf(manifest))
    if (wanted?.tarball) {
      registry.fetched.push(wanted.manifest.name)
      return response.end(readFileSync(wanted.tarball))
    }
    registry.unknown.push(path)
    sendJson(response, 404, { error: `no ${path} here` })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  registry.url = `http://127.0.0.1:${server.address().port}/`
  return registry
}

function sendJson(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

const fileOf = ({ name, version }) => `${name}/-/${name.split('/').at(-1)}-${version}.tgz`

function packument({ manifest, tarball }, url) {
  const bytes = tarball ? readFileSync(tarball) : ''
  const hash = (algorithm, encoding) => createHash(algorithm).update(bytes).digest(encoding)
  const dist = {
    tarball: `${url}${fileOf(manifest)}`,
    integrity: `sha512-${hash('sha512', 'base64')}`,
    shasum: hash('sha1', 'hex'),
  }
  return {
    name: manifest.name,
    'dist-tags': { latest: manifest.version },
    versions: { [manifest.version]: { ...manifest, dist } },
    // Old enough for package managers that wait some days with what is new.
    time: { [manifest.version]: '2020-01-01T00:00:00.000Z' },
  }
}
