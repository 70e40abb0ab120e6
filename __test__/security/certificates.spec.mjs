// The same server and the same `ca`, asked by Node's own https and by this package: both accept or
// both refuse, for the same reason. Where this package refuses more, the case says why.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, get } from 'node:https'
import { connect, isIP } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { checkServerIdentity } from 'node:tls'
import { httpGetText } from '@socketsecurity/registry'
import {
  authority,
  authoritySerial,
  certificate,
  criticalPolicies,
  keyIdOf,
  netscapeType,
  oid,
  pemOf,
  tlv,
  unknownCritical,
} from '../helpers/origins/certificates.mjs'
import '../helpers/origins/no-proxy.mjs'
import '../helpers/origins/no-trust.mjs'

/** Codes of docs/errors.md. Node has `UNSPECIFIED` for all other reasons. */
const DOCUMENTED = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNSPECIFIED',
])

const names = { subjectAltName: ['DNS:localhost', 'IP:127.0.0.1'] }
const leafOf = (issuer, fields = {}) =>
  certificate({ issuer, ...fields, extensions: { ...names, ...fields.extensions } })
const without = { keyUsage: null }
const root = authority()
const between = (fields = {}, issuer = root) => authority({ name: 'between', issuer, ...fields })

/** A chain below the root through one intermediate certificate. */
const through = (fields, leaf) => {
  const middle = between(fields)
  return { leaf: leafOf(middle, leaf), sent: [middle], ca: [root] }
}
/** A leaf below a root of this kind. */
const under = (fields, leaf) => {
  const ca = authority(fields)
  return { leaf: leafOf(ca, leaf), ca: [ca] }
}
/** A leaf below the usual root. */
const leaf = (fields) => ({ leaf: leafOf(root, fields), ca: [root] })
const alone = (fields) => {
  const itself = certificate(fields)
  return { leaf: itself, ca: [itself] }
}
const trusted = (auxiliary) =>
  pemOf(Buffer.concat([root.der, tlv(0x30, auxiliary)]), 'TRUSTED CERTIFICATE')
const mail = oid('1.3.6.1.5.5.7.3.4')
const server = oid('1.3.6.1.5.5.7.3.1')

const CASES = {
  // Ordinary chains.
  'a leaf of a root': leaf(),
  'a leaf of an intermediate authority': through(),
  'an intermediate authority that is not sent': { ...through(), sent: [] },
  'an intermediate authority that is trusted, too': (() => {
    const { leaf, sent } = through()
    return { leaf, ca: [root, ...sent] }
  })(),
  'an intermediate authority alone is trusted': (() => {
    const { leaf, sent } = through()
    return { leaf, sent, ca: sent }
  })(),
  'an intermediate authority alone is trusted, and not sent': (() => {
    const { leaf, sent } = through()
    return { leaf, ca: sent }
  })(),
  'an intermediate authority alone is trusted, and the root is sent': (() => {
    const { leaf, sent } = through()
    return { leaf, sent: [...sent, root], ca: sent }
  })(),
  'a leaf alone is trusted that a root has signed': { leaf: leafOf(root), ca: [leafOf(root)] },
  'the very leaf is trusted, and its issuer is not': (() => {
    const it = leafOf(root)
    return { leaf: it, ca: [it] }
  })(),
  'the root is sent, and trusted': { ...leaf(), sent: [root] },
  'the root is sent, and not trusted': {
    leaf: leafOf(root),
    sent: [root],
    ca: [authority({ name: 'another' })],
  },
  'nothing is trusted that has to do with it': {
    leaf: leafOf(root),
    ca: [authority({ name: 'another' })],
  },
  'intermediate sent, another root trusted': { ...through(), ca: [authority({ name: 'another' })] },
  'a chain of four': (() => {
    const second = between({ name: 'second' })
    const third = authority({ name: 'third', issuer: second })
    return { leaf: leafOf(third), sent: [third, second], ca: [root] }
  })(),
  'a chain that is sent in the wrong order': (() => {
    const second = between({ name: 'second' })
    const third = authority({ name: 'third', issuer: second })
    return { leaf: leafOf(third), sent: [second, root, third], ca: [root] }
  })(),

  // Forgeries.
  'a leaf by a forger': leaf({ forged: true }),
  'an intermediate authority by a forger': through({ forged: true }),
  'a root of the same name and another key': {
    leaf: leafOf(root),
    ca: [authority({ key: 'p256 of a forger' })],
  },
  'a leaf that a trusted leaf has signed': (() => {
    const itself = certificate({ name: 'itself' })
    return { leaf: leafOf(itself), sent: [itself], ca: [itself] }
  })(),
  'a leaf that a trusted leaf without CA:TRUE has signed': (() => {
    const itself = certificate({
      name: 'itself',
      extensions: { ...names, basicConstraints: { ca: false } },
    })
    return { leaf: leafOf(itself), ca: [itself] }
  })(),
  'a leaf that a leaf of the root has signed': (() => {
    const other = leafOf(root, { name: 'other' })
    return { leaf: leafOf(other), sent: [other], ca: [root] }
  })(),
  'a leaf of version 1 by a forger': leaf({ version: 1, name: 'localhost', forged: true }),
  'a leaf with CA:TRUE by a forger': leaf({
    extensions: { basicConstraints: { ca: true } },
    forged: true,
  }),
  'a leaf with CA:TRUE below an intermediate authority by a forger': through(
    { forged: true },
    { extensions: { basicConstraints: { ca: true } } },
  ),
  'a self-signed leaf with the name and key id of a trusted one': {
    leaf: certificate({ name: 'itself', key: 'p256 of a forger' }),
    ca: [certificate({ name: 'itself' })],
  },
  'a self-signed leaf with the key of a trusted one': {
    leaf: certificate({ name: 'itself' }),
    ca: [certificate({ name: 'itself' })],
  },
  'a self-signed authority with the key of a trusted one': {
    leaf: authority({ extensions: names }),
    ca: [root],
  },

  // Key identifiers.
  'a leaf with the key identifier of its root': under(
    { extensions: { subjectKeyId: keyIdOf('root') } },
    { extensions: { authorityKeyId: keyIdOf('root') } },
  ),
  'a leaf with another key identifier': under(
    { extensions: { subjectKeyId: keyIdOf('root') } },
    { extensions: { authorityKeyId: keyIdOf('another') } },
  ),
  'a leaf with a key identifier, and the root has none': under(
    {},
    { extensions: { authorityKeyId: keyIdOf('another') } },
  ),
  'an intermediate authority with another key identifier': through(
    { extensions: { subjectKeyId: keyIdOf('between') } },
    { extensions: { authorityKeyId: keyIdOf('another') } },
  ),
  'a leaf with the serial number of its root': (() => {
    const raw = [authoritySerial(root.serial, 'root')]
    return { leaf: leafOf(root, { raw }), ca: [root] }
  })(),
  'a leaf with another serial number of its root': (() => {
    const raw = [authoritySerial(root.serial + 1, 'root')]
    return { leaf: leafOf(root, { raw }), ca: [root] }
  })(),
  'a leaf with another issuer of its root': (() => {
    const raw = [authoritySerial(root.serial, 'another')]
    return { leaf: leafOf(root, { raw }), ca: [root] }
  })(),
  'a leaf with CA:TRUE and another serial number of its root': (() => {
    const raw = [authoritySerial(root.serial + 1, 'root')]
    return {
      leaf: leafOf(root, { raw, extensions: { basicConstraints: { ca: true } } }),
      ca: [root],
    }
  })(),

  // Anchors that may not be ones.
  'a root without basic constraints': under({
    extensions: { basicConstraints: null, keyUsage: null },
  }),
  'a root with a key usage alone': under({ extensions: { basicConstraints: null } }),
  'a root with CA:FALSE': under({ extensions: { basicConstraints: { ca: false } } }),
  'a root that may not sign': under({ extensions: { keyUsage: ['signature'] } }),
  'a root without a key usage': under({ extensions: without }),
  'a root that has expired': under({ from: -9, until: -1 }),
  'a root that is not valid yet': under({ from: 1, until: 9 }),
  'a root for servers': under({ extensions: { extKeyUsage: ['server'] } }),
  'a root for clients': under({ extensions: { extKeyUsage: ['client'] } }),
  'a root for mail and servers': under({ extensions: { extKeyUsage: ['mail', 'server'] } }),
  'a root for any purpose': {
    ...under({ extensions: { extKeyUsage: ['any'] } }),
  },
  'a root of version 1': under({ version: 1 }),
  'a root of version 1 that has expired': under({ version: 1, from: -9, until: -1 }),
  'a root with an unknown critical extension': under({ raw: [unknownCritical] }),
  'a root with a path length of 0': under({
    extensions: { basicConstraints: { ca: true, pathLength: 0 } },
  }),
  'a root with a path length of 0 and an intermediate authority': (() => {
    const ca = authority({ extensions: { basicConstraints: { ca: true, pathLength: 0 } } })
    const middle = between({}, ca)
    return { leaf: leafOf(middle), sent: [middle], ca: [ca] }
  })(),
  'a root with a path length of 1 and two intermediate authorities': (() => {
    const ca = authority({ extensions: { basicConstraints: { ca: true, pathLength: 1 } } })
    const second = between({ name: 'second' }, ca)
    const third = authority({ name: 'third', issuer: second })
    return { leaf: leafOf(third), sent: [third, second], ca: [ca] }
  })(),
  'a root for names here': under({
    extensions: { nameConstraints: { permitted: ['DNS:localhost', 'IP:127.0.0.0/255.0.0.0'] } },
  }),
  'a root for other names': under({
    extensions: { nameConstraints: { permitted: ['DNS:elsewhere.test'] } },
  }),
  'a root for all names but this': under({
    extensions: { nameConstraints: { excluded: ['DNS:localhost'] } },
  }),
  'a root for all addresses but this': under({
    extensions: { nameConstraints: { excluded: ['IP:127.0.0.0/255.0.0.0'] } },
  }),
  'a root with constraints of mail': under({
    extensions: { nameConstraints: { permitted: ['MAIL:elsewhere.test'] } },
  }),
  'two roots of one name, the first of another key': {
    leaf: leafOf(root, { extensions: { authorityKeyId: keyIdOf('root') } }),
    ca: [
      authority({ key: 'p256 of another', extensions: { subjectKeyId: keyIdOf('another') } }),
      authority({ extensions: { subjectKeyId: keyIdOf('root') } }),
    ],
  },
  'two roots of one name and key, the first expired': {
    leaf: leafOf(root),
    ca: [authority({ from: -9, until: -1 }), root],
  },

  // Intermediate authorities.
  'an intermediate certificate without basic constraints': through({
    extensions: { basicConstraints: null, keyUsage: null },
  }),
  'an intermediate certificate with a key usage alone': through({
    extensions: { basicConstraints: null },
  }),
  'an intermediate certificate of version 1': through({ version: 1 }),
  'an intermediate authority that may not sign': through({
    extensions: { keyUsage: ['signature'] },
  }),
  'an intermediate authority that has expired': through({ from: -9, until: -1 }),
  'an intermediate authority for clients': through({ extensions: { extKeyUsage: ['client'] } }),
  'an intermediate authority for servers': through({ extensions: { extKeyUsage: ['server'] } }),
  'an intermediate authority for other names': through({
    extensions: { nameConstraints: { permitted: ['DNS:elsewhere.test'] } },
  }),
  'an intermediate authority with an unknown critical extension': through({
    raw: [unknownCritical],
  }),

  // Policies, which nobody evaluates.
  ...Object.fromEntries(
    Object.entries(criticalPolicies).flatMap(([what, extension]) => [
      [`a leaf with critical ${what}`, leaf({ raw: [extension] })],
      [`an intermediate authority with critical ${what}`, through({ raw: [extension] })],
      [`a root with critical ${what}`, under({ raw: [extension] })],
      [
        `an expired leaf below an authority with critical ${what}`,
        through({ raw: [extension] }, { from: -9, until: -1 }),
      ],
      [
        `an authority for other names with critical ${what}`,
        through({
          raw: [extension],
          extensions: { nameConstraints: { permitted: ['DNS:elsewhere.test'] } },
        }),
      ],
      [
        `a leaf for another host below an authority with critical ${what}`,
        through({ raw: [extension] }, { extensions: { subjectAltName: ['DNS:elsewhere.test'] } }),
      ],
      [
        `a leaf with critical ${what} and an unknown critical extension`,
        leaf({ raw: [extension, unknownCritical] }),
      ],
    ]),
  ),

  // Keys of authorities.
  'a root with an RSA-PSS key': {
    ...under({ key: 'rsaPss of the root' }),
    stricter: 'rustls verifies no signatures by such keys',
  },
  'a root with a key on a Brainpool curve': {
    ...under({ key: 'brainpool of the root' }),
    stricter: 'AWS-LC has no such curve',
  },

  // Leaves.
  'a leaf that has expired': leaf({ from: -9, until: -1 }),
  'a leaf that has expired, and nobody trusts': {
    leaf: leafOf(root, { from: -9, until: -1 }),
    ca: [authority({ name: 'another' })],
  },
  'a leaf that is not valid yet': leaf({ from: 1, until: 9 }),
  'a leaf for servers': leaf({ extensions: { extKeyUsage: ['server', 'client'] } }),
  'a leaf for clients': leaf({ extensions: { extKeyUsage: ['client'] } }),
  'a leaf for any purpose': leaf({ extensions: { extKeyUsage: ['any'] } }),
  'a leaf that may sign in handshakes': leaf({ extensions: { keyUsage: ['signature'] } }),
  'a leaf that may encipher only': leaf({ extensions: { keyUsage: ['encipherment'] } }),
  'a leaf with an RSA key that may encipher only': leaf({
    key: 'rsa of the leaf',
    extensions: { keyUsage: ['encipherment'] },
  }),
  'a leaf with an RSA key that may encipher only, by TLS 1.2': {
    ...leaf({ key: 'rsa of the leaf', extensions: { keyUsage: ['encipherment'] } }),
    version: 'TLSv1.2',
  },
  'a leaf that may agree on keys only': leaf({ extensions: { keyUsage: ['agreement'] } }),
  'a leaf that may sign certificates only': leaf({ extensions: { keyUsage: ['certSign'] } }),
  'a leaf that may sign data only': leaf({ extensions: { keyUsage: ['repudiation'] } }),
  'a leaf of Netscape for servers': leaf({ raw: [netscapeType(0x40)] }),
  'a leaf of Netscape for clients': leaf({ raw: [netscapeType(0x80)] }),
  'a leaf with an unknown critical extension': leaf({ raw: [unknownCritical] }),
  'a leaf with CA:TRUE': leaf({ extensions: { basicConstraints: { ca: true } } }),
  'a leaf with CA:TRUE below an intermediate authority': through(
    {},
    { extensions: { basicConstraints: { ca: true } } },
  ),
  'a leaf with CA:TRUE that has expired': leaf({
    extensions: { basicConstraints: { ca: true } },
    from: -9,
    until: -1,
  }),
  'a leaf with CA:TRUE for clients': leaf({
    extensions: { basicConstraints: { ca: true }, extKeyUsage: ['client'] },
  }),
  'a leaf with CA:TRUE for another host': leaf({
    extensions: { basicConstraints: { ca: true }, subjectAltName: ['DNS:elsewhere.test'] },
  }),
  'a leaf with CA:TRUE and an unknown critical extension': leaf({
    extensions: { basicConstraints: { ca: true } },
    raw: [unknownCritical],
  }),
  'a leaf with CA:TRUE that nobody trusts': {
    leaf: leafOf(root, { extensions: { basicConstraints: { ca: true } } }),
    ca: [authority({ name: 'another' })],
  },
  'a leaf with CA:TRUE below a root for other names': under(
    {
      extensions: {
        nameConstraints: { permitted: ['DNS:elsewhere.test', 'IP:127.0.0.0/255.0.0.0'] },
      },
    },
    { extensions: { basicConstraints: { ca: true } } },
  ),
  'a leaf with CA:TRUE below a root for all names but this': under(
    { extensions: { nameConstraints: { excluded: ['DNS:localhost'] } } },
    { extensions: { basicConstraints: { ca: true } } },
  ),
  'a leaf with CA:TRUE below a root for names here': under(
    { extensions: { nameConstraints: { permitted: ['DNS:localhost', 'IP:127.0.0.0/255.0.0.0'] } } },
    { extensions: { basicConstraints: { ca: true } } },
  ),
  'a leaf with CA:TRUE below a root that has expired': under(
    { from: -9, until: -1 },
    { extensions: { basicConstraints: { ca: true } } },
  ),
  'a leaf with CA:TRUE below an intermediate authority that may not sign': through(
    { extensions: { keyUsage: ['signature'] } },
    { extensions: { basicConstraints: { ca: true } } },
  ),
  'a leaf with CA:TRUE below an intermediate certificate that is no authority': through(
    { extensions: { basicConstraints: { ca: false }, keyUsage: null } },
    { extensions: { basicConstraints: { ca: true } } },
  ),
  'a leaf with CA:TRUE, root path length of 0': under(
    { extensions: { basicConstraints: { ca: true, pathLength: 0 } } },
    { extensions: { basicConstraints: { ca: true } } },
  ),
  'a leaf of version 1': leaf({ version: 1, name: 'localhost' }),
  'a leaf of version 1 by TLS 1.2': {
    ...leaf({ version: 1, name: 'localhost' }),
    version: 'TLSv1.2',
  },
  'a leaf of version 1 with an RSA key by TLS 1.2': {
    ...leaf({ version: 1, name: 'localhost', key: 'rsa of the leaf' }),
    version: 'TLSv1.2',
  },
  'a leaf of version 1 below an intermediate authority': through(
    {},
    { version: 1, name: 'localhost' },
  ),
  'a leaf of version 1 for another host': leaf({ version: 1, name: 'elsewhere.test' }),
  'a leaf of version 1 that has expired': leaf({
    version: 1,
    name: 'localhost',
    from: -9,
    until: -1,
  }),
  'a leaf of version 1 below a root for other names': {
    ...under(
      { extensions: { nameConstraints: { permitted: ['DNS:elsewhere.test'] } } },
      { version: 1, name: 'a.test' },
    ),
    host: 'a.test',
  },

  // Certificates that sign themselves.
  'a self-signed leaf that is trusted': alone(),
  'a self-signed leaf that is trusted, with CA:FALSE': alone({
    extensions: { ...names, basicConstraints: { ca: false } },
  }),
  'a self-signed leaf that is trusted, with CA:TRUE': alone({
    extensions: { ...names, basicConstraints: { ca: true } },
  }),
  'a self-signed leaf that is trusted, of version 1': alone({ version: 1, name: 'localhost' }),
  'a self-signed leaf that is trusted, and has expired': alone({ from: -9, until: -1 }),
  'a self-signed leaf that is trusted, for clients': alone({
    extensions: { ...names, extKeyUsage: ['client'] },
  }),
  'a self-signed leaf that is trusted, for another host': alone({
    extensions: { subjectAltName: ['DNS:elsewhere.test'] },
  }),
  'a self-signed leaf that is trusted, and may sign certificates only': alone({
    extensions: { ...names, keyUsage: ['certSign'] },
  }),
  'a self-signed leaf that is not trusted': { leaf: certificate(), ca: [root] },
  'a self-signed leaf that is not trusted, with CA:TRUE': {
    leaf: certificate({ extensions: { ...names, basicConstraints: { ca: true } } }),
    ca: [root],
  },
  'a self-signed leaf that is not trusted, and has expired': {
    leaf: certificate({ from: -9, until: -1 }),
    ca: [root],
  },

  // Names.
  'a common name alone': leaf({ name: 'localhost', extensions: { subjectAltName: [] } }),
  'a common name and no alternative names': {
    leaf: certificate({ issuer: root, name: 'localhost', extensions: {} }),
    ca: [root],
  },
  'a common name and an address': leaf({
    name: 'localhost',
    extensions: { subjectAltName: ['IP:127.0.0.1'] },
  }),
  'a common name and another alternative name': leaf({
    name: 'localhost',
    extensions: { subjectAltName: ['DNS:elsewhere.test'] },
  }),
  'a common name below a root for other names': (() => {
    const ca = authority({ extensions: { nameConstraints: { permitted: ['DNS:elsewhere.test'] } } })
    const leaf = certificate({ issuer: ca, name: 'a.test', extensions: {} })
    return { leaf, ca: [ca], host: 'a.test' }
  })(),
  'a common name of one label below a root for other names': (() => {
    const ca = authority({ extensions: { nameConstraints: { permitted: ['DNS:elsewhere.test'] } } })
    const leaf = certificate({ issuer: ca, name: 'localhost', extensions: {} })
    return { leaf, ca: [ca], stricter: 'OpenSSL takes no common name without a dot for a DNS name' }
  })(),
  'another common name': {
    leaf: certificate({ issuer: root, name: 'elsewhere.test', extensions: {} }),
    ca: [root],
  },
  'an address': { ...leaf(), host: '127.0.0.1' },
  'an address that is not listed': {
    ...leaf({ extensions: { subjectAltName: ['DNS:localhost'] } }),
    host: '127.0.0.1',
  },
  'an address as a DNS name': {
    ...leaf({ extensions: { subjectAltName: ['DNS:127.0.0.1'] } }),
    host: '127.0.0.1',
  },
  'an address as the common name': {
    leaf: certificate({ issuer: root, name: '127.0.0.1', extensions: {} }),
    ca: [root],
    host: '127.0.0.1',
  },
  'an IPv6 address': { ...leaf({ extensions: { subjectAltName: ['IP:::1'] } }), host: '::1' },
  'an IPv6 address that is not listed': { ...leaf(), host: '::1' },
  'a name with a final dot, and the host has none': {
    ...leaf({ extensions: { subjectAltName: ['DNS:a.test.'] } }),
    host: 'a.test',
  },
  'a host with a final dot': {
    ...leaf({ extensions: { subjectAltName: ['DNS:a.test'] } }),
    host: 'a.test.',
  },
  'another name': leaf({ extensions: { subjectAltName: ['DNS:elsewhere.test'] } }),
  'a name in capitals': leaf({ extensions: { subjectAltName: ['DNS:LOCALHOST'] } }),
  'a name with a wildcard for all': leaf({ extensions: { subjectAltName: ['DNS:*'] } }),
  'a name with a wildcard for one label': {
    ...leaf({ extensions: { subjectAltName: ['DNS:*.a.test'] } }),
    host: 'b.a.test',
  },
  'a name with a wildcard for a part of a label': {
    ...leaf({ extensions: { subjectAltName: ['DNS:b*.a.test'] } }),
    host: 'bc.a.test',
  },
  'a name with a wildcard for two labels': {
    ...leaf({ extensions: { subjectAltName: ['DNS:*.test'] } }),
    host: 'b.a.test',
  },
  'a name with a wildcard below a top-level domain': {
    ...leaf({ extensions: { subjectAltName: ['DNS:*.test'] } }),
    host: 'a.test',
  },
  'a name with an underscore': {
    ...leaf({ extensions: { subjectAltName: ['DNS:a_b.test'] } }),
    host: 'a_b.test',
  },

  // Algorithms.
  ...Object.fromEntries(
    [
      ['p384', 'ecdsa384'],
      ['p521', 'ecdsa512'],
      ['p256', 'ecdsa512'],
      ['p384', 'ecdsa512'],
      ['p521', 'ecdsa256'],
      ['ed25519', 'ed25519'],
      ['rsa', 'rsa256'],
      ['rsa', 'pss256'],
    ].map(([kind, signature]) => [
      `${kind} that signs by ${signature}`,
      under({ key: `${kind} of a root`, signature }, { key: `${kind} of the leaf`, signature }),
    ]),
  ),
  'a leaf with P-521 and CA:TRUE below such a root': under(
    { key: 'p521 of a root' },
    { key: 'p521 of the leaf', extensions: { basicConstraints: { ca: true } } },
  ),
  'a signature with SHA-1': {
    ...under({ key: 'rsa of a root', signature: 'rsaSha1' }, { signature: 'rsaSha1' }),
    stricter: 'SHA-1 is not accepted, whatever the security level of OpenSSL is',
  },
  'a root with an RSA key of 1024 bits': {
    ...under({ key: 'rsa1024 of a root' }),
    stricter:
      'RSA keys below 2048 bits are not accepted, whatever the security level of OpenSSL is',
  },

  // OpenSSL's own kind of PEM.
  'a root that is trusted for servers': { ...leaf(), ca: [{ pem: trusted(tlv(0x30, server)) }] },
  'a root that is trusted for mail': { ...leaf(), ca: [{ pem: trusted(tlv(0x30, mail)) }] },
  'a root that is not trusted for servers': {
    ...leaf(),
    ca: [{ pem: trusted(tlv(0xa0, server)) }],
  },
  'a root that is not trusted for mail': { ...leaf(), ca: [{ pem: trusted(tlv(0xa0, mail)) }] },
  'a root with an alias': { ...leaf(), ca: [{ pem: trusted(tlv(0x0c, Buffer.from('alias'))) }] },
}

/** The code by which Node's own https refuses a server; `undefined` if it does not. */
function refusalOfNode(port, host, ca) {
  return new Promise((resolve) => {
    const address = host === '::1' ? host : '127.0.0.1'
    const options = { host: address, port, ca, agent: false, headers: { host } }
    // As it would be for the URL: no name is sent for an address.
    options.servername = isIP(host) ? '' : host
    options.checkServerIdentity = (_, shown) => checkServerIdentity(host, shown)
    get(options, (response) => response.resume().on('end', () => resolve(undefined))).on(
      'error',
      (error) => resolve(error.code),
    )
  })
}

describe('certificates as Node judges them', () => {
  const servers = []
  const verdicts = { accepted: 0, refused: 0 }
  // Whatever the host: the way to a server here.
  const proxy = createHttpServer().on('connect', (request, socket) => {
    const target = connect(request.url.split(':').at(-1), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(target).pipe(socket)
    })
    for (const each of [socket, target]) each.on('error', () => {})
  })

  before(async () => {
    servers.push(proxy.listen(0, '127.0.0.1'))
    await once(proxy, 'listening')
  })

  after(() => {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  })

  for (const [
    name,
    { leaf, sent = [], ca, host = 'localhost', version, stricter },
  ] of Object.entries(CASES)) {
    test(name, async () => {
      const cert = [leaf, ...sent].map(({ pem }) => pem).join('')
      const server = createServer(
        {
          key: leaf.key,
          cert,
          ciphers: 'DEFAULT@SECLEVEL=0',
          ...(version && { maxVersion: version }),
        },
        (_, response) => response.end('ok'),
      )
      servers.push(server)
      server.on('tlsClientError', () => {})
      // No proxy leads to an IPv6 address.
      server.listen(0, host === '::1' ? '::1' : '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address()
      const trust = ca.map(({ pem }) => pem)
      const node = await refusalOfNode(port, host, trust)
      const call = httpGetText(`https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`, {
        ca: trust,
        proxy: /\.test\.?$/.test(host) ? `http://127.0.0.1:${proxy.address().port}` : false,
      })
      const error = await call.then(
        () => undefined,
        (error) => error,
      )
      verdicts[error ? 'refused' : 'accepted'] += 1
      if (stricter) {
        assert.ok(error, 'is not stricter')
        return
      }
      if (!node || !error) assert.equal(error?.message, node)
      if (DOCUMENTED.has(node)) assert.equal(error.code, node, error.message)
    })
  }

  test('there are many, of both kinds', () => {
    assert.ok(verdicts.accepted >= 30 && verdicts.refused >= 50, JSON.stringify(verdicts))
  })
})
