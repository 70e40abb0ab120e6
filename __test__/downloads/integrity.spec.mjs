// Expected digests, and digests of the result.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
import { httpDownload } from '@socketsecurity/registry/lib/http-request'
import { later, startOrigin } from '../helpers/origins/http-origin.mjs'
import { brokenOff, honest, representation } from '../helpers/origins/resume-origin.mjs'
import { filesUnder } from '../helpers/processes/lock-stage.mjs'
import { rejection, temporaryDirectory, until } from '../helpers/support.mjs'

const body = randomBytes(100_003)
const hex = (bytes) => createHash('sha256').update(bytes).digest('hex')
const sri = (algorithm, bytes = body) =>
  `${algorithm}-${createHash(algorithm).update(bytes).digest('base64')}`
const WRONG = Buffer.from('other bytes')

const functions = { httpDownload, downloadWithLock }

async function prepare(t, script = { body }) {
  const origin = await startOrigin(t, script)
  const directory = temporaryDirectory(t)
  return { origin, directory, destination: join(directory, 'file') }
}

for (const [name, download] of Object.entries(functions)) {
  describe(`${name} publishes what is as expected`, () => {
    const right = [
      ['sha256', { sha256: hex(body) }],
      ['sha256 in capitals', { sha256: hex(body).toUpperCase() }],
      ['integrity with sha256', { integrity: sri('sha256') }],
      ['integrity with sha384', { integrity: sri('sha384') }],
      ['integrity with sha512', { integrity: sri('sha512') }],
      ['sha256 and integrity', { sha256: hex(body), integrity: sri('sha512') }],
      ['several algorithms', { integrity: `${sri('sha256')} ${sri('sha384')} ${sri('sha512')}` }],
      ['one of several digests', { integrity: `${sri('sha512', WRONG)} ${sri('sha512')}` }],
      ['an unknown algorithm beside', { integrity: `blake9-AAAA ${sri('sha512')}` }],
      ['spaces and lines around', { integrity: `  ${sri('sha256')}\n\t${sri('sha512')} ` }],
      ['options behind a question mark', { integrity: `${sri('sha512')}?kind=tarball` }],
    ]
    for (const [what, options] of right) {
      test(what, async (t) => {
        const { origin, directory, destination } = await prepare(t)
        const result = await download(origin.url, destination, options)
        assert.equal(result.size, body.length)
        assert.ok(readFileSync(destination).equals(body))
        assert.deepEqual(await filesUnder(directory), ['file'])
        assert.equal(origin.requests.length, 1)
      })
    }
  })

  describe(`${name} refuses what differs`, () => {
    const wrong = [
      ['sha256', { sha256: hex(WRONG) }, 'Checksum', hex(WRONG), hex(body)],
      ...['sha256', 'sha384', 'sha512'].map((algorithm) => [
        `integrity with ${algorithm}`,
        { integrity: sri(algorithm, WRONG) },
        'Integrity',
        sri(algorithm, WRONG),
        sri(algorithm),
      ]),
      [
        'integrity of a wrong length',
        { integrity: `${sri('sha256')} sha512-AAAA` },
        'Integrity',
        'sha512-AAAA',
        sri('sha512'),
      ],
      [
        'the strongest of several algorithms',
        { integrity: `${sri('sha256')} ${sri('sha512', WRONG)}` },
        'Integrity',
        sri('sha512', WRONG),
        sri('sha512'),
      ],
      [
        'an unknown algorithm beside',
        { integrity: `blake9-AAAA ${sri('sha384', WRONG)}` },
        'Integrity',
        sri('sha384', WRONG),
        sri('sha384'),
      ],
      [
        'sha256 though integrity is right',
        { sha256: hex(WRONG), integrity: sri('sha512') },
        'Checksum',
        hex(WRONG),
        hex(body),
      ],
      [
        'integrity though sha256 is right',
        { sha256: hex(body), integrity: sri('sha512', WRONG) },
        'Integrity',
        sri('sha512', WRONG),
        sri('sha512'),
      ],
    ]
    for (const [what, options, kind, expected, computed] of wrong) {
      for (const older of [undefined, 'the older file']) {
        const case_ = older ? 'and keeps the older file' : 'and leaves nothing'
        test(`${what}, ${case_}`, async (t) => {
          const { origin, directory, destination } = await prepare(t)
          // downloadWithLock would verify an older file; an empty one counts as absent.
          if (older) writeFileSync(destination, older)
          const url = `${origin.url}/tool`
          const attempts = { ...options, retries: 2, retryDelay: 1 }
          const error = await rejection(download(url, destination, attempts))
          assert.ok(error.message.startsWith(`${kind} verification failed for ${url}`), `${error}`)
          assert.ok(error.message.includes(expected), `no ${expected} in: ${error.message}`)
          assert.ok(error.message.includes(computed), `no ${computed} in: ${error.message}`)
          assert.equal(error.code, 'ERR_INTEGRITY')
          assert.equal(origin.requests.length, 1, 'it was tried again')
          if (older) assert.equal(readFileSync(destination, 'utf8'), older)
          assert.deepEqual(await filesUnder(directory), older ? ['file'] : [])
        })
      }
    }

    test('and its message has no password of the URL', async (t) => {
      const { origin, destination } = await prepare(t)
      const url = origin.url.replace('//', '//me:open-sesame@')
      const error = await rejection(download(url, destination, { sha256: hex(WRONG) }))
      assert.equal(error.code, 'ERR_INTEGRITY')
      assert.ok(!error.message.includes('open-sesame'), error.message)
    })

    test('an empty body', async (t) => {
      const { origin, directory, destination } = await prepare(t, { body: '' })
      const error = await rejection(download(origin.url, destination, { sha256: hex(body) }))
      assert.equal(error.code, 'ERR_INTEGRITY')
      assert.ok(error.message.includes(hex('')), error.message)
      assert.deepEqual(await filesUnder(directory), [])
    })
  })

  describe(`${name} refuses to look for a digest that is none`, () => {
    const TYPE = 'ERR_INVALID_ARG_TYPE'
    const VALUE = 'ERR_INVALID_ARG_VALUE'
    for (const [option, value, code] of [
      ['sha256', 5, TYPE],
      ['sha256', true, TYPE],
      ['sha256', Buffer.alloc(32), TYPE],
      ['sha256', '', VALUE],
      ['sha256', 'abc', VALUE],
      ['sha256', 'g'.repeat(64), VALUE],
      ['sha256', '0'.repeat(65), VALUE],
      ['sha256', sri('sha256'), VALUE],
      ['integrity', 5, TYPE],
      ['integrity', ['sha512-x'], TYPE],
      ['integrity', '', VALUE],
      ['integrity', ' ', VALUE],
      ['integrity', 'sha512', VALUE],
      ['integrity', 'sha512-', VALUE],
      ['integrity', `sha512-${'!'.repeat(88)}`, VALUE],
      ['integrity', 'blake9-AAAA', VALUE],
      ['integrity', hex(body), VALUE],
      ['digests', 'yes', TYPE],
      ['digests', 1, TYPE],
    ]) {
      const shown = Buffer.isBuffer(value) ? 'a Buffer' : JSON.stringify(value)
      test(`${option}: ${shown}`, async (t) => {
        const { origin, directory, destination } = await prepare(t)
        const options = { [option]: value }
        const error = await rejection(download(origin.url, destination, options))
        assert.ok(error instanceof TypeError, `${error}`)
        assert.match(error.message, new RegExp(`\\b${option}\\b`))
        assert.equal(error.code, code)
        assert.equal(origin.connections, 0)
        assert.deepEqual(readdirSync(directory), [])
      })
    }
  })

  describe(`the result of ${name} has the digests`, () => {
    for (const [when, options] of [
      ['that were asked for', { digests: true }],
      ['at first sight', {}],
      ['with digests: false', { digests: false }],
      ['when one was expected', { sha256: hex(body) }],
      ['when the other was expected', { integrity: sri('sha512') }],
      ['when a third was expected', { integrity: sri('sha384') }],
    ]) {
      test(when, async (t) => {
        const { origin, destination } = await prepare(t)
        const result = await download(origin.url, destination, options)
        for (let look = 0; look < 2; look += 1) {
          assert.equal(result.sha256, hex(body))
          assert.equal(result.integrity, sri('sha512'))
        }
      })
    }

    for (const [which, options, known, unknown] of [
      ['both, with digests: true', { digests: true }, ['sha256', 'integrity'], []],
      ['the sha256 that was expected', { sha256: hex(body) }, ['sha256'], ['integrity']],
      ['the sha512 that was expected', { integrity: sri('sha512') }, ['integrity'], ['sha256']],
      ['those looked at before', {}, [], ['sha256', 'integrity']],
    ]) {
      test(`after the file has been moved: ${which}`, async (t) => {
        const { origin, directory, destination } = await prepare(t)
        const result = await download(origin.url, destination, options)
        renameSync(destination, join(directory, 'moved'))
        const right = { sha256: hex(body), integrity: sri('sha512') }
        for (const property of known) assert.equal(result[property], right[property])
        for (const property of unknown) {
          assert.throws(
            () => result[property],
            (error) => {
              assert.ok(error instanceof Error)
              assert.equal(error.code, 'ENOENT')
              assert.ok(error.message.includes(destination) || error.path === destination)
              return true
            },
          )
        }
      })
    }

    test('once looked at, also after the file has been moved', async (t) => {
      const { origin, directory, destination } = await prepare(t)
      const result = await download(origin.url, destination)
      assert.equal(result.sha256, hex(body))
      renameSync(destination, join(directory, 'moved'))
      assert.equal(result.sha256, hex(body))
    })

    test('but is copied, compared and logged without a look at them', async (t) => {
      const { origin, directory, destination } = await prepare(t)
      const result = await download(origin.url, destination)
      renameSync(destination, join(directory, 'moved'))
      assert.doesNotThrow(() => ({ ...result }))
      assert.doesNotThrow(() => JSON.stringify(result))
      assert.equal(JSON.parse(JSON.stringify(result)).size, body.length)
    })
  })
}

describe('a download that was resumed', () => {
  const file = representation(100_003, { ETag: '"v1"' }, body)

  test('is verified as a whole', async (t) => {
    const { origin, destination } = await prepare(t, [brokenOff(file, 50_000), honest(file)])
    const options = { retries: 1, retryDelay: 1, sha256: hex(body), integrity: sri('sha512') }
    const result = await httpDownload(origin.url, destination, options)
    assert.equal(result.resumedFrom, 50_000)
    assert.equal(result.sha256, hex(body))
  })

  test('has the digests of the whole', async (t) => {
    const { origin, directory, destination } = await prepare(t, [
      brokenOff(file, 50_000),
      honest(file),
    ])
    await rejection(httpDownload(origin.url, destination))
    const result = await httpDownload(origin.url, destination, { digests: true })
    assert.equal(result.resumedFrom, 50_000)
    renameSync(destination, join(directory, 'moved'))
    assert.equal(result.sha256, hex(body))
    assert.equal(result.integrity, sri('sha512'))
  })

  test('is refused when its first half was not what it seemed, and then fetched anew', async (t) => {
    const spoiled = { ...file, body: Buffer.concat([randomBytes(50_000), body.subarray(50_000)]) }
    const script = [brokenOff(spoiled, 50_000), honest(file)]
    const { origin, directory, destination } = await prepare(t, script)
    const options = { sha256: hex(body) }
    await rejection(httpDownload(origin.url, destination, options))
    const refused = await rejection(httpDownload(origin.url, destination, options))
    assert.equal(refused.code, 'ERR_INTEGRITY')
    assert.deepEqual(readdirSync(directory), [], 'the spoiled part is still there')
    const result = await httpDownload(origin.url, destination, options)
    assert.equal(result.resumedFrom, 0)
    assert.ok(readFileSync(destination).equals(body))
  })
})

describe('a file that downloadWithLock finds', () => {
  for (const [what, options] of [
    ['sha256', { sha256: hex(body) }],
    ['integrity', { integrity: sri('sha512') }],
    ['both', { sha256: hex(body), integrity: sri('sha384') }],
  ]) {
    test(`is returned without a request when it is as expected: ${what}`, async (t) => {
      const { origin, directory, destination } = await prepare(t)
      writeFileSync(destination, body)
      const result = await downloadWithLock(origin.url, destination, options)
      assert.equal(result.size, body.length)
      assert.equal(result.attempts, 0)
      assert.equal(result.sha256, hex(body))
      assert.equal(origin.requests.length, 0)
      assert.deepEqual(await filesUnder(directory), ['file'])
    })

    test(`is fetched again when it differs: ${what}`, async (t) => {
      const { origin, directory, destination } = await prepare(t)
      writeFileSync(destination, Buffer.alloc(body.length, 'x'))
      const result = await downloadWithLock(origin.url, destination, options)
      assert.equal(result.sha256, hex(body))
      assert.equal(origin.requests.length, 1)
      assert.ok(readFileSync(destination).equals(body))
      assert.deepEqual(await filesUnder(directory), ['file'])
    })
  }

  test('stays until the new one is whole and verified', async (t) => {
    let finish
    const told = new Promise((resolve) => {
      finish = resolve
    })
    const { origin, destination } = await prepare(t, async (_request, response) => {
      response.writeHead(200, { 'Content-Length': body.length })
      response.write(body.subarray(0, 50_000))
      await told
      response.end(body.subarray(50_000))
    })
    writeFileSync(destination, WRONG)
    const call = downloadWithLock(origin.url, destination, { sha256: hex(body) })
    await until(() => origin.requests.length === 1, 'the request')
    assert.ok(readFileSync(destination).equals(WRONG))
    finish()
    await call
    assert.ok(readFileSync(destination).equals(body))
  })

  test('has the digests of the options also when it existed', async (t) => {
    const { origin, directory, destination } = await prepare(t)
    writeFileSync(destination, body)
    const result = await downloadWithLock(origin.url, destination, { sha256: hex(body) })
    renameSync(destination, join(directory, 'moved'))
    assert.equal(result.sha256, hex(body))
  })
})

describe('two callers in one process that expect different files', () => {
  const right = { sha256: hex(body) }
  const wrong = { sha256: hex(WRONG) }
  const wrongToo = { integrity: sri('sha512', WRONG) }
  const orders = [
    ['the first is right', right, wrong],
    ['the second is right', wrong, right],
    ['the first expects nothing', {}, wrongToo],
    ['the second expects nothing', wrongToo, {}],
    ['both are right in different ways', right, { integrity: sri('sha384') }],
  ]
  for (const [what, first, second] of orders) {
    for (const [when, arrived] of [
      ['in the same turn', undefined],
      ['one after the other', ({ requests }) => requests.length > 0],
    ]) {
      test(`each get their own response, called ${when}: ${what}`, async (t) => {
        const { origin, directory, destination } = await prepare(t, later(50, { body }))
        const calls = [downloadWithLock(origin.url, destination, first)]
        calls[0].catch(() => {})
        if (arrived) await until(() => arrived(origin), 'the first is under way')
        calls.push(downloadWithLock(origin.url, destination, second))
        const settled = await Promise.allSettled(calls)
        for (const [index, expected] of [first, second].entries()) {
          const { value, reason } = settled[index]
          const isWrong = expected === wrong || expected === wrongToo
          if (isWrong) assert.equal(reason?.code, 'ERR_INTEGRITY')
          else assert.equal(value?.size, body.length, `call ${index + 1}: ${reason?.message}`)
        }
        assert.ok(readFileSync(destination).equals(body))
        assert.deepEqual(await filesUnder(directory), ['file'])
      })
    }
  }

  test('of whom all are wrong leave nothing', async (t) => {
    const { origin, directory, destination } = await prepare(t)
    const calls = [wrong, wrongToo].map((each) => downloadWithLock(origin.url, destination, each))
    const settled = await Promise.allSettled(calls)
    for (const { reason } of settled) assert.equal(reason?.code, 'ERR_INTEGRITY')
    assert.ok(settled[0].reason.message.includes(hex(WRONG)), settled[0].reason.message)
    assert.ok(settled[1].reason.message.includes(wrongToo.integrity), settled[1].reason.message)
    assert.deepEqual(await filesUnder(directory), [])
  })
})
