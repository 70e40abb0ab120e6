// A certificate authority for one run, and a certificate for the loopback.

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
const EXTENSIONS = 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n'

export function makeCertificates(directory) {
  const path = (name) => join(directory, name)
  const [ca, caKey, certificate, key] = ['ca.pem', 'ca.key', 'server.pem', 'server.key'].map(path)
  const [request, extensions] = ['server.csr', 'server.ext'].map(path)
  writeFileSync(extensions, EXTENSIONS)

  // -addext, because rustls takes no authority that does not say it is one.
  const authority = ['-addext', 'keyUsage=critical,keyCertSign', '-days', '2']
  openssl(
    'req',
    '-x509',
    ...KEY,
    '-subj',
    '/CN=bench CA',
    ...authority,
    '-keyout',
    caKey,
    '-out',
    ca,
  )
  openssl('req', ...KEY, '-subj', '/CN=127.0.0.1', '-keyout', key, '-out', request)
  const signer = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '2']
  openssl('x509', '-req', '-in', request, ...signer, '-extfile', extensions, '-out', certificate)
  return { ca, certificate, key }
}

const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' })
