// A certificate authority for one spec, by openssl: what it issues is trusted by nobody else.

import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const whyNoAuthority = () => spawnSync('openssl', ['version']).error && 'no openssl'

/** @param {string} directory for keys and certificates */
export function foundAuthority(directory) {
  const file = (name) => join(directory, name)
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe', cwd: directory })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Spec CA')

  return {
    path: file('ca.pem'),
    pem: readFileSync(file('ca.pem'), 'utf8'),
    /** A key and a certificate; `days` may be negative: expired. */
    issue(name, { names = 'DNS:localhost,IP:127.0.0.1', days = 10 } = {}) {
      writeFileSync(file('extensions'), `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`)
      const paths = { key: `${name}.key`, request: `${name}.csr`, cert: `${name}.pem` }
      openssl('req', ...newKey, '-keyout', paths.key, '-out', paths.request, '-subj', `/CN=${name}`)
      const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
      const result = ['-out', paths.cert, '-days', `${days}`, '-extfile', 'extensions']
      openssl('x509', '-req', '-in', paths.request, ...authority, ...result)
      const read = (path) => readFileSync(file(path), 'utf8')
      return { key: read(paths.key), cert: read(paths.cert) }
    },
    /**
     * A certificate that signs itself, as `openssl req -x509` makes it: an authority of its own.
     */
    signItself(name) {
      const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
      const paths = ['-keyout', `${name}.key`, '-out', `${name}.pem`]
      openssl('req', '-x509', ...newKey, ...paths, '-subj', `/CN=${name}`, ...names)
      return {
        key: readFileSync(file(`${name}.key`), 'utf8'),
        cert: readFileSync(file(`${name}.pem`), 'utf8'),
        path: file(`${name}.pem`),
      }
    },
    /** A directory under OpenSSL's names, for `SSL_CERT_DIR`. */
    rehash() {
      const hash = String(openssl('x509', '-hash', '-noout', '-in', 'ca.pem')).trim()
      writeFileSync(file(`${hash}.0`), readFileSync(file('ca.pem')))
      return directory
    },
  }
}
