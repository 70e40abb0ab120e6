import { createWriteStream } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { pipeline } from 'node:stream/promises'
import fetch from 'node-fetch'
import { hashing } from '../verification.mjs'

export const name = 'node-fetch'
export const kind = 'npm'

export const cannot = { jsonOverH2: 'HTTP/1.1 only' }

/** Keep-alive for sure, whatever its default is in this version. */
const agents = {
  'http:': new http.Agent({ keepAlive: true }),
  'https:': new https.Agent({ keepAlive: true }),
}
const get = (url) => fetch(url, { agent: ({ protocol }) => agents[protocol] })

export const json = async (url) => (await get(url)).json()

export const download = async (url, file) =>
  pipeline((await get(url)).body, createWriteStream(file))

export const verified = async (url, file, sha256) =>
  pipeline((await get(url)).body, hashing(sha256), createWriteStream(file))
