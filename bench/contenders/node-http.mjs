// As in Node's documentation; its global agents keep connections alive.

import { createWriteStream } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { pipeline } from 'node:stream/promises'
import { hashing } from '../verification.mjs'

export const name = 'node:http'
export const kind = 'node'

export const cannot = { jsonOverH2: 'HTTP/1.1 only; node:http2 is sessions and frames, no client' }

function get(url) {
  const client = url.startsWith('https:') ? https : http
  return new Promise((resolve, reject) => client.get(url, resolve).on('error', reject))
}

/** By events, which is faster than `for await`. */
export async function json(url) {
  const response = await get(url)
  const chunks = []
  return new Promise((resolve, reject) => {
    const parse = () => resolve(JSON.parse(Buffer.concat(chunks).toString()))
    response
      .on('data', (chunk) => chunks.push(chunk))
      .on('end', parse)
      .on('error', reject)
  })
}

export const download = async (url, file) => pipeline(await get(url), createWriteStream(file))

export const verified = async (url, file, sha256) =>
  pipeline(await get(url), hashing(sha256), createWriteStream(file))
