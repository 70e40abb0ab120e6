// What downloads took over from the module that came before: a logger, results that tell more,
// redirects that can be limited; and transfers that stall and go on.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { redirectTo, startOrigin } from '../helpers/origins/http-origin.mjs'
import { honest, rangeStart, representation } from '../helpers/origins/resume-origin.mjs'
import { rejection, sleep, temporaryDirectory } from '../helpers/support.mjs'

const LINE = /^ {2}Progress: (\d{1,3})% \((\d+\.\d) MB \/ (\d+\.\d) MB\)$/

/** A handler that spreads a body over slices, a pause after each. */
function slowly(body, slices, pause, headers = { 'Content-Length': body.length }) {
  return async (_request, response) => {
    response.writeHead(200, headers)
    const size = Math.ceil(body.length / slices)
    for (let start = 0; start < body.length && !response.destroyed; start += size) {
      response.write(body.subarray(start, start + size))
      await sleep(pause)
    }
    response.end()
  }
}

/** A logger like a console: an object with state of its own. */
class Logger {
  #lines = []

  log(...values) {
    this.#lines.push(values)
  }

  get lines() {
    for (const values of this.#lines) assert.equal(values.length, 1)
    return this.#lines.map(([line]) => line)
  }

  get percentages() {
    return this.lines.map((line) => Number(LINE.exec(line)?.[1]))
  }
}

/** What a logger is told about a download of five megabytes. */
async function logged(t, options) {
  const body = Buffer.alloc(5 * 1024 * 1024, 'x')
  const origin = await startOrigin(t, slowly(body, 40, 30))
  const logger = new Logger()
  const destination = join(temporaryDirectory(t), 'file')
  await httpDownload(origin.url, destination, { logger, ...options })
  return logger
}

function assertRises(values) {
  for (const [index, value] of values.entries()) {
    assert.ok(index === 0 || value > values[index - 1], `does not rise: ${values}`)
  }
}

describe('the logger of a download', { concurrency: true }, () => {
  test('is told lines of percentage and megabytes', async (t) => {
    const { lines } = await logged(t)
    assert.ok(lines.length >= 2, `${lines.length} lines`)
    for (const line of lines) {
      assert.match(line, LINE)
      const [, percentage, done, total] = LINE.exec(line).map(Number)
      assert.ok(percentage >= 0 && percentage <= 100, line)
      // Whether a megabyte is 10^6 or 2^20 bytes.
      assert.ok(total === 5 || total === 5.2, line)
      assert.ok(Math.abs((done / total) * 100 - percentage) <= 4, line)
    }
  })

  test('is told every ten per cent, and of the end', async (t) => {
    const { percentages } = await logged(t)
    assertRises(percentages)
    assert.ok(percentages.length >= 3 && percentages.length <= 11, `${percentages}`)
    assert.equal(percentages.at(-1), 100)
  })

  test('is told as often as progressInterval says', async (t) => {
    const { percentages } = await logged(t, { progressInterval: 40 })
    assertRises(percentages)
    assert.ok(percentages.length >= 1 && percentages.length <= 4, `${percentages}`)
  })

  test('is told the default with a progressInterval of undefined', async (t) => {
    const { percentages } = await logged(t, { progressInterval: undefined })
    assert.ok(percentages.length >= 3 && percentages.length <= 11, `${percentages}`)
  })

  test('is told nothing when there is an onProgress', async (t) => {
    let last
    const onProgress = (...values) => {
      last = values
    }
    const { lines } = await logged(t, { onProgress })
    assert.deepEqual(lines, [])
    assert.deepEqual(last, [5 * 1024 * 1024, 5 * 1024 * 1024])
  })

  test('is told no nonsense when the total is unknown', async (t) => {
    const body = Buffer.alloc(500_000, 'x')
    const origin = await startOrigin(t, slowly(body, 5, 20, {}))
    const logger = new Logger()
    const { size } = await httpDownload(origin.url, join(temporaryDirectory(t), 'file'), { logger })
    assert.equal(size, body.length)
    for (const line of logger.lines) assert.doesNotMatch(line, /NaN|Infinity|undefined|null/)
  })

  test('is told no nonsense about an empty file', async (t) => {
    const origin = await startOrigin(t, { body: '' })
    const logger = new Logger()
    await httpDownload(origin.url, join(temporaryDirectory(t), 'file'), { logger })
    for (const line of logger.lines) assert.doesNotMatch(line, /NaN|Infinity|undefined|null/)
  })

  test('may be a console-like object without a prototype', async (t) => {
    const lines = []
    const logger = Object.assign(Object.create(null), { log: (line) => lines.push(line) })
    await logged(t, { logger })
    assert.ok(lines.length > 0)
  })

  test('that throws leaves the file whole or absent, and no promise pending', async (t) => {
    const body = Buffer.alloc(2_000_000, 'x')
    const origin = await startOrigin(t, slowly(body, 10, 20))
    const thrown = new Error('from the logger')
    const logger = {
      log() {
        throw thrown
      },
    }
    const destination = join(temporaryDirectory(t), 'file')
    const promise = httpDownload(origin.url, destination, { logger })
    const [outcome] = await Promise.allSettled([promise])
    if (outcome.status === 'rejected') {
      assert.equal(outcome.reason, thrown)
      assert.ok(!existsSync(destination))
    } else {
      assert.ok(readFileSync(destination).equals(body))
    }
  })
})

describe('the result of a download', () => {
  test('tells path, size, status, headers and digests', async (t) => {
    const body = randomBytes(10_000)
    const origin = await startOrigin(t, { headers: { 'X-Answer': 'yes' }, body })
    const destination = join(temporaryDirectory(t), 'file')
    const result = await httpDownload(origin.url, destination)
    assert.equal(result.path, destination)
    assert.equal(result.size, 10_000)
    assert.equal(result.ok, true)
    assert.equal(result.status, 200)
    assert.equal(result.statusText, 'OK')
    assert.equal(result.headers['x-answer'], 'yes')
    assert.equal(result.headers['content-length'], '10000')
    assert.equal(result.attempts, 1)
    assert.equal(result.sha256, createHash('sha256').update(body).digest('hex'))
    const sha512 = createHash('sha512').update(body).digest('base64')
    assert.equal(result.integrity, `sha512-${sha512}`)
  })

  test('counts the attempts', async (t) => {
    const origin = await startOrigin(t, [{ status: 503 }, { status: 500 }, { body: 'whole' }])
    const destination = join(temporaryDirectory(t), 'file')
    const result = await httpDownload(origin.url, destination, { retries: 3, retryDelay: 1 })
    assert.equal(result.attempts, 3)
    assert.equal(result.status, 200)
  })

  test('tells the answer behind a redirect', async (t) => {
    const end = { status: 200, headers: { 'X-End': 'yes' }, body: 'end' }
    const origin = await startOrigin(t, [redirectTo('/end'), end])
    const destination = join(temporaryDirectory(t), 'file')
    const result = await httpDownload(origin.url, destination)
    assert.equal(result.status, 200)
    assert.equal(result.headers['x-end'], 'yes')
  })
})

describe('a download and redirects', () => {
  test('fails at one when they are not to be followed', async (t) => {
    const origin = await startOrigin(t, redirectTo('/end'))
    const directory = temporaryDirectory(t)
    const options = { followRedirects: false }
    const error = await rejection(httpDownload(origin.url, join(directory, 'file'), options))
    assert.equal(error.message, 'Download failed: HTTP 302 Found')
    assert.equal(origin.requests.length, 1)
    assert.deepEqual(readdirSync(directory), [])
  })

  test('follows as many as maxRedirects says', async (t) => {
    const script = [redirectTo('/1'), redirectTo('/2'), { body: 'end' }]
    const origin = await startOrigin(t, script)
    const destination = join(temporaryDirectory(t), 'file')
    await httpDownload(origin.url, destination, { maxRedirects: 2 })
    assert.equal(readFileSync(destination, 'utf8'), 'end')
  })

  test('fails at one more', async (t) => {
    const origin = await startOrigin(t, redirectTo('/again'))
    const directory = temporaryDirectory(t)
    const options = { maxRedirects: 2 }
    const error = await rejection(httpDownload(origin.url, join(directory, 'file'), options))
    assert.match(error.message, /Too many redirects/)
    assert.equal(origin.requests.length, 3)
    assert.deepEqual(readdirSync(directory), [])
  })
})

describe('a download that stalls', () => {
  test('goes on where it was, within the retries', async (t) => {
    const file = representation(200_000, { ETag: '"one"' })
    const answer = honest(file)
    const origin = await startOrigin(t, (request, response, index) => {
      if (index > 0) return answer(request)
      response.writeHead(200, { 'Content-Length': 200_000, ETag: '"one"' })
      response.write(file.body.subarray(0, 100_000))
      return undefined
    })
    const destination = join(temporaryDirectory(t), 'file')
    const options = { idleTimeout: 400, retries: 2, retryDelay: 1 }
    const result = await httpDownload(origin.url, destination, options)
    assert.ok(readFileSync(destination).equals(file.body))
    assert.equal(result.size, 200_000)
    assert.equal(result.attempts, 2)
    assert.equal(origin.requests.length, 2)
    const [, second] = origin.requests
    assert.ok(rangeStart(second) > 0, `the Range is ${second.headers.range}`)
    assert.equal(second.headers['if-range'], '"one"')
    assert.equal(result.resumedFrom, rangeStart(second))
  })

  test('leaves no destination when the retries are used up', async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { 'Content-Length': 200_000, ETag: '"one"' })
      response.write('the first bytes')
    })
    const destination = join(temporaryDirectory(t), 'file')
    const options = { idleTimeout: 150, retries: 1, retryDelay: 1 }
    const error = await rejection(httpDownload(origin.url, destination, options))
    assert.equal(error.code, 'ERR_TIMEOUT')
    assert.equal(origin.requests.length, 2)
    assert.ok(!existsSync(destination))
  })
})
