import { basename, dirname } from 'node:path'

export const name = 'aria2c'
export const kind = 'program'
export const program = 'aria2c'

export const cannot = {
  json: 'a program: a process for each request',
  jsonOverH2: 'a program: a process for each request',
}

/** The command line. Its defaults, which are one connection to a server. */
export const download = (url, file, { ca }) => [
  'aria2c',
  '--quiet',
  '--no-conf',
  `--ca-certificate=${ca}`,
  `--dir=${dirname(file)}`,
  `--out=${basename(file)}`,
  url,
]

export const verified = (url, file, { ca, sha256 }) => [
  ...download(url, file, { ca }),
  `--checksum=sha-256=${sha256}`,
]
