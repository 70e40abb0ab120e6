export const name = 'curl'
export const kind = 'program'
export const program = 'curl'

export const cannot = {
  json: 'a program: a process for each request',
  jsonOverH2: 'a program: a process for each request',
  verified: 'checks no digests',
}

/** The command line. */
export const download = (url, file, { ca }) => [
  'curl',
  '--silent',
  '--show-error',
  '--fail',
  '--cacert',
  ca,
  '--output',
  file,
  url,
]
