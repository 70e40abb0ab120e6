// X.509 certificates of any kind, the wrong ones too: whatever openssl(1) would not make, and
// without a process for each.

import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'

const SIGNATURES = {
  ecdsa256: ['sha256', '300a06082a8648ce3d040302'],
  ecdsa384: ['sha384', '300a06082a8648ce3d040303'],
  ecdsa512: ['sha512', '300a06082a8648ce3d040304'],
  ed25519: [null, '300506032b6570'],
  rsa256: ['sha256', '300d06092a864886f70d01010b0500'],
  rsaSha1: ['sha1', '300d06092a864886f70d0101050500'],
  pss256: [
    'sha256',
    '304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108' +
      '300d06096086480165030402010500a203020120',
  ],
}
const EXTENSIONS = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyId: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
}
const PURPOSES = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
  mail: '1.3.6.1.5.5.7.3.4',
  any: '2.5.29.37.0',
}
const DAY = 24 * 3600 * 1000

export const tlv = (tag, ...contents) => {
  const content = Buffer.concat(contents)
  const { length } = content
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), content])
  const size = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
const sequence = (...contents) => tlv(0x30, ...contents)
const octets = (content) => tlv(0x04, content)
const bits = (content, unused = 0) => tlv(0x03, Buffer.from([unused]), content)
const integer = (value) => tlv(0x02, Buffer.from([value]))
const yes = tlv(0x01, Buffer.from([0xff]))

export function oid(text) {
  const [first, second, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const number of rest) {
    const digits = [number & 127]
    for (let left = number >> 7; left > 0; left >>= 7) digits.unshift((left & 127) | 128)
    bytes.push(...digits)
  }
  return tlv(0x06, Buffer.from(bytes))
}

const nameOf = (text) => sequence(tlv(0x31, sequence(oid('2.5.4.3'), tlv(0x0c, Buffer.from(text)))))

const timeOf = (days) => {
  const digits = new Date(Date.now() + days * DAY).toISOString().replace(/\D/g, '').slice(0, 14)
  return tlv(0x18, Buffer.from(`${digits}Z`))
}

const addressOf = (text) =>
  // The only one of IPv6 that is needed.
  Buffer.from(text === '::1' ? [...Array(15).fill(0), 1] : text.split('.').map(Number))

const generalName = (text) => {
  const [kind, ...rest] = text.split(':')
  const value = rest.join(':')
  if (kind === 'DNS') return tlv(0x82, Buffer.from(value))
  if (kind === 'MAIL') return tlv(0x81, Buffer.from(value))
  // An address, or a block of them: address and mask.
  return tlv(0x87, ...value.split('/').map(addressOf))
}

const USAGES = ['signature', 'repudiation', 'encipherment', 'data', 'agreement', 'certSign']

const contentOf = {
  basicConstraints: ({ ca, pathLength }) =>
    sequence(
      ca ? yes : Buffer.alloc(0),
      pathLength === undefined ? Buffer.alloc(0) : integer(pathLength),
    ),
  keyUsage: (names) =>
    bits(Buffer.from([names.reduce((sum, name) => sum | (128 >> USAGES.indexOf(name)), 0)])),
  extKeyUsage: (names) => sequence(...names.map((name) => oid(PURPOSES[name]))),
  subjectAltName: (names) => sequence(...names.map(generalName)),
  nameConstraints: ({ permitted = [], excluded = [] }) => {
    const subtrees = (tag, names) =>
      names.length ? [tlv(tag, ...names.map((name) => sequence(generalName(name))))] : []
    return sequence(...subtrees(0xa0, permitted), ...subtrees(0xa1, excluded))
  },
  subjectKeyId: (id) => octets(id),
  authorityKeyId: (id) => sequence(tlv(0x80, id)),
}

const extension = (id, content, critical) =>
  sequence(oid(id), critical ? yes : Buffer.alloc(0), octets(content))

/** Keys are slow to make: one of each kind and name. */
const keys = new Map()
const MAKERS = {
  p256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  p521: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ed25519: () => generateKeyPairSync('ed25519'),
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  rsa1024: () => generateKeyPairSync('rsa', { modulusLength: 1024 }),
  rsaPss: () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
  brainpool: () => generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }),
}
const USUAL = {
  p256: 'ecdsa256',
  p384: 'ecdsa384',
  p521: 'ecdsa512',
  ed25519: 'ed25519',
  rsa: 'rsa256',
  rsa1024: 'rsa256',
  rsaPss: 'pss256',
  brainpool: 'ecdsa256',
}

/** @param {string} name kind, and whose: `p256 of the root` */
export function key(name) {
  if (!keys.has(name)) keys.set(name, MAKERS[name.split(' ')[0]]())
  return keys.get(name)
}

let serial = 1
const numberOf = (serial) => tlv(0x02, Buffer.from([1, serial >> 8, serial & 255]))

/** The authority key identifier by serial number and issuer. */
export function authoritySerial(serial, issuer) {
  const [, , ...number] = numberOf(serial)
  const content = sequence(tlv(0xa1, tlv(0xa4, nameOf(issuer))), tlv(0x82, Buffer.from(number)))
  return extension(EXTENSIONS.authorityKeyId, content, false)
}

/**
 * A certificate. Everything has a default: a leaf for localhost that signs itself.
 *
 * @param {{ name?: string, key?: string, issuer?: object, version?: 1 | 3, from?: number,
 *   until?: number, signature?: string, forged?: boolean, extensions?: object, critical?: string[],
 *   raw?: Buffer[] }} [fields]
 */
export function certificate({
  name = 'leaf',
  key: keyName = `p256 of ${name}`,
  issuer,
  version = 3,
  from = -1,
  until = 1,
  signature,
  forged = false,
  extensions = { subjectAltName: ['DNS:localhost', 'IP:127.0.0.1'] },
  critical = ['basicConstraints', 'keyUsage', 'nameConstraints'],
  raw = [],
} = {}) {
  const pair = key(keyName)
  const signer = issuer ?? { name, keyName }
  const kind = signature ?? USUAL[signer.keyName.split(' ')[0]]
  const [digest, algorithm] = SIGNATURES[kind]
  const identifier = Buffer.from(algorithm, 'hex')
  const listed = Object.entries(extensions).map(([id, value]) =>
    extension(EXTENSIONS[id], contentOf[id](value), critical.includes(id)),
  )
  const all = [...listed, ...raw]
  serial += 1
  const signed = sequence(
    version === 3 ? tlv(0xa0, integer(2)) : Buffer.alloc(0),
    numberOf(serial),
    identifier,
    nameOf(signer.name),
    sequence(timeOf(from), timeOf(until)),
    nameOf(name),
    createPublicKey(pair.privateKey).export({ type: 'spki', format: 'der' }),
    version === 3 && all.length ? tlv(0xa3, sequence(...all)) : Buffer.alloc(0),
  )
  const secret = key(
    forged ? `${signer.keyName.split(' ')[0]} of a forger` : signer.keyName,
  ).privateKey
  // RSASSA-PSS: padding and length of the salt.
  const how = kind.startsWith('pss') ? { key: secret, padding: 6, saltLength: 32 } : secret
  const der = sequence(signed, identifier, bits(sign(digest, signed, how)))
  return {
    name,
    keyName,
    serial,
    der,
    pem: pemOf(der),
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  }
}

export const unknownCritical = extension('1.2.3.4', Buffer.from([5, 0]), true)
/** Critical extensions about policies, as RFC 5280 requires of some of them. */
export const criticalPolicies = {
  'certificate policies': extension('2.5.29.32', sequence(sequence(oid('1.2.3'))), true),
  'policy mappings': extension('2.5.29.33', sequence(sequence(oid('1.2.3'), oid('1.2.4'))), true),
  'policy constraints': extension('2.5.29.36', sequence(tlv(0x81, Buffer.from([0]))), true),
  'inhibited any policy': extension('2.5.29.54', integer(0), true),
}
export const netscapeType = (byte) =>
  extension('2.16.840.1.113730.1.1', bits(Buffer.from([byte])), false)
export const keyIdOf = (name) => createHash('sha1').update(name).digest()

export function pemOf(der, label = 'CERTIFICATE') {
  const lines = der.toString('base64').match(/.{1,64}/g)
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/** A certificate authority; `fields` as of a certificate. */
export function authority(fields = {}) {
  const extensions = {
    basicConstraints: { ca: true },
    keyUsage: ['certSign'],
    ...fields.extensions,
  }
  for (const [id, value] of Object.entries(extensions)) if (value === null) delete extensions[id]
  return certificate({ name: 'root', ...fields, extensions })
}
