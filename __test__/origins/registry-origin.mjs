// A registry of npm that has some packages, in one version each.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

/** `packages`: `{ manifest, tarball }`, the latter the path of a file. Resolves with `url` and `close`. */
export async function startRegistry(packages) {
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
    response.end(readFileSync(found.tarball))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${server.address().port}/`
  return { url, close: () => server.close() }
}

const tarballOf = ({ name, version }) => `${name}/-/${name.split('/').at(-1)}-${version}.tgz`

function packument({ manifest, tarball }, url) {
  const bytes = readFileSync(tarball)
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
