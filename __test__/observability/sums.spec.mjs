// Whatever calls do, the numbers add up.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  downloadWithLock,
  getErrors,
  getMetrics,
  httpDownload,
  httpRequest,
  resetMetrics,
} from '@socketsecurity/registry'
import { dice } from '../helpers/seeded-random.mjs'
import { temporaryDirectory } from '../helpers/support.mjs'
import { startServer } from './server.mjs'

const ROUNDS = process.env.LONG_TESTS ? 30 : 4
const CALLS = 60

test('attempts, outcomes, hosts and errors add up after random calls', async (t) => {
  const { url, requests: seen } = await startServer(t)
  const directory = temporaryDirectory(t)
  for (let round = 0; round < ROUNDS; round += 1) {
    const { below, chance, pick } = dice(round)
    resetMetrics()
    seen.length = 0
    let unsent = 0
    const one = async (index) => {
      const path = pick([
        '/status/200',
        `/status/503,200?${round}-${index}`,
        '/status/404',
        '/redirect/2',
        '/redirect/9',
        '/bytes/5000',
        '/cut/5000',
      ])
      const options = { retries: pick([0, 1, 3]), retryDelay: 1 }
      if (chance(0.1)) {
        unsent += options.retries + 1
        return httpRequest('http://127.0.0.1:1/', options)
      }
      const file = join(directory, `${round}-${below(10)}`)
      if (chance(0.3)) return httpDownload(url + path, `${file}-${index}`, options)
      if (chance(0.3)) return downloadWithLock(`${url}/bytes/5000`, file, options)
      const method = pick(['GET', 'POST'])
      return httpRequest(url + path, { ...options, method })
    }
    await Promise.allSettled(Array.from({ length: CALLS }, (_, index) => one(index)))
    const { requests, downloads, hosts } = getMetrics()
    const sum = (values) => values.reduce((one, other) => one + other, 0)
    const what = JSON.stringify({ round, requests, downloads })
    assert.equal(requests.attempts, requests.total + requests.retries, what)
    assert.equal(requests.total, requests.succeeded + requests.failed, what)
    assert.equal(requests.duration.count, requests.total, what)
    // Each attempt and each redirect is one exchange.
    assert.equal(requests.attempts + requests.redirects, seen.length + unsent, what)
    assert.equal(sum(Object.values(requests.byStatus)), seen.length, what)
    assert.equal(sum(Object.values(hosts).map(({ requests }) => requests)), requests.total, what)
    assert.equal(sum(Object.values(hosts).map(({ failed }) => failed)), requests.failed, what)
    const { published, cached, shared, failed } = downloads
    assert.equal(downloads.total, published + cached + shared + failed, what)
    assert.equal(downloads.duration.count, downloads.total, what)
    const errors = getErrors()
    const ofDownloads = errors.filter(({ operation }) => operation === 'download')
    assert.equal(sum(ofDownloads.map(({ count }) => count)), failed, what)
    assert.equal(sum(errors.map(({ count }) => count)), requests.failed, what)
  }
})
