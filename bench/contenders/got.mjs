import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { got } from 'got'
import { hashing } from '../verification.mjs'

export const name = 'got'
export const kind = 'npm'

export const json = (url) => got(url).json()

export const jsonOverH2 = (url) => got(url, { http2: true }).json()

export const download = (url, file) => pipeline(got.stream(url), createWriteStream(file))

export const verified = (url, file, sha256) =>
  pipeline(got.stream(url), hashing(sha256), createWriteStream(file))
