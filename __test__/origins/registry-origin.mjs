// A registry of npm with the packages of some tarballs, and of platforms that have none.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

/**
 * `packages`: `{ manifest, tarball }`, the latter the path of a file; without it the package is listed, and whoever fetches it gets an
 * error. Resolves with `url`, the names of the tarballs that were fetched in `fetched`, and `close`.
 */
export async function startRegistry(packages) {
  const fetched = []
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://registry').pathname).slice(1)
    const found = packages.find(
      ({ manifest }) => path === manifest.name || path === tarballOf(manifest),
    )
    if (!found) return response.writeHead(404, { 'content-type': 'application/json' }).end('{}')
    if (path === found.manifest.name) {
      response.setHeader('content-type', 'application/json')
      return response.end(JSON.stringify(packument(found, url)))
    }
    fetched.push(found.manifest.name)
    if (!found.tarball) return response.writeHead(500).end()
    response.end(readFileSync(found.tarball))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${server.address().port}/`
  return { url, fetched, close: () => server.close() }
}

const tarballOf = ({ name, version }) => `${name}/-/${name.split('/').at(-1)}-${version}.tgz`

function packument({ manifest, tarball }, url) {
  const bytes = tarball ? readFileSync(tarball) : Buffer.alloc(0)
  const dist = {
    tarball: url + tarballOf(manifest),
    integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
    shasum: createHash('sha1').update(bytes).digest('hex'),
  }
  return {
    name: manifest.name,
    'dist-tags': { latest: manifest.version },
    versions: { [manifest.version]: { ...manifest, dist } },
    time: { [manifest.version]: '2020-01-01T00:00:00.000Z' },
  }
}
