import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import axios from 'axios'
import { hashing } from '../verification.mjs'

export const name = 'axios'
export const kind = 'npm'

const body = async (url) => (await axios.get(url, { responseType: 'stream' })).data

export const json = async (url) => (await axios.get(url)).data

/** Experimental, says its documentation. */
export const jsonOverH2 = async (url) => (await axios.get(url, { httpVersion: 2 })).data

export const download = async (url, file) => pipeline(await body(url), createWriteStream(file))

export const verified = async (url, file, sha256) =>
  pipeline(await body(url), hashing(sha256), createWriteStream(file))
