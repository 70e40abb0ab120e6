// The client that npm itself downloads with. It has no `cachePath`, so nothing is cached.

import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import makeFetchHappen from 'make-fetch-happen'

export const name = 'make-fetch-happen'
export const kind = 'npm'

export const cannot = { jsonOverH2: 'HTTP/1.1 only' }

/** Its default of 15 connections would slow down 64 requests at once. */
const fetch = makeFetchHappen.defaults({ maxSockets: Number.POSITIVE_INFINITY })

export const json = async (url) => (await fetch(url)).json()

export const download = async (url, file) =>
  pipeline((await fetch(url)).body, createWriteStream(file))

/** It verifies by itself, and fails the body at its end. */
export async function verified(url, file, sha256) {
  const integrity = `sha256-${Buffer.from(sha256, 'hex').toString('base64')}`
  await pipeline((await fetch(url, { integrity })).body, createWriteStream(file))
}
