import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { hashing } from '../verification.mjs'

export const name = 'fetch'
export const kind = 'node'

export const cannot = { jsonOverH2: "Node's own speaks HTTP/1.1" }

export const json = async (url) => (await fetch(url)).json()

export const download = async (url, file) =>
  pipeline((await fetch(url)).body, createWriteStream(file))

export const verified = async (url, file, sha256) =>
  pipeline((await fetch(url)).body, hashing(sha256), createWriteStream(file))
