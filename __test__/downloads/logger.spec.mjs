// The progress lines that a download writes to the caller's `logger`.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { slowly, startOrigin } from '../helpers/origins/http-origin.mjs'
import { temporaryDirectory } from '../helpers/support.mjs'

const LINE = /^ {2}Progress: (\d{1,3})% \((\d+\.\d) MB \/ (\d+\.\d) MB\)$/

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

/** Downloads 5 MiB and returns the logger that was told about it. */
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
  test('gets lines of percentage and megabytes', async (t) => {
    const { lines } = await logged(t)
    assert.ok(lines.length >= 2, `${lines.length} lines`)
    for (const line of lines) {
      assert.match(line, LINE)
      const [, percentage, done, total] = LINE.exec(line).map(Number)
      assert.ok(percentage >= 0 && percentage <= 100 && percentage % 10 === 0, line)
      // Whether a megabyte is 10^6 or 2^20 bytes.
      assert.ok(total === 5 || total === 5.2, line)
      // The step that was reached last. Both numbers of megabytes are rounded.
      const beyond = (done / total) * 100 - percentage
      assert.ok(beyond >= -2 && beyond < 12, line)
    }
  })

  test('gets a line every ten per cent, and at the end', async (t) => {
    const { percentages } = await logged(t)
    assertRises(percentages)
    assert.ok(percentages.length >= 3 && percentages.length <= 11, `${percentages}`)
    assert.equal(percentages.at(-1), 100)
  })

  test('gets a line every progressInterval per cent', async (t) => {
    const { percentages } = await logged(t, { progressInterval: 40 })
    assertRises(percentages)
    assert.ok(percentages.length >= 1 && percentages.length <= 4, `${percentages}`)
  })

  test('gets the default lines with a progressInterval of undefined', async (t) => {
    const { percentages } = await logged(t, { progressInterval: undefined })
    assert.ok(percentages.length >= 3 && percentages.length <= 11, `${percentages}`)
  })

  test('gets nothing when there is an onProgress', async (t) => {
    let last
    const onProgress = (...values) => {
      last = values
    }
    const { lines } = await logged(t, { onProgress })
    assert.deepEqual(lines, [])
    assert.deepEqual(last, [5 * 1024 * 1024, 5 * 1024 * 1024])
  })

  test('gets no percentage when the total is unknown', async (t) => {
    const body = Buffer.alloc(500_000, 'x')
    const origin = await startOrigin(t, slowly(body, 5, 20, {}))
    const logger = new Logger()
    const { size } = await httpDownload(origin.url, join(temporaryDirectory(t), 'file'), { logger })
    assert.equal(size, body.length)
    for (const line of logger.lines) assert.doesNotMatch(line, /NaN|Infinity|undefined|null/)
  })

  test('gets no NaN for an empty file', async (t) => {
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
