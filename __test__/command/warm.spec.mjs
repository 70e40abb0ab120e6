// socket-registry warm

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { runCommand, startCommand } from '../helpers/command.mjs'
import { slowly, startOrigin } from '../helpers/origins/http-origin.mjs'
import { startOrigin as startRangeOrigin } from '../helpers/origins/lock-origin.mjs'
import { temporaryDirectory, until } from '../helpers/support.mjs'

const IS_WINDOWS = process.platform === 'win32'
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')

async function stage(t, script = ({ path }) => ({ body: path.slice(1) })) {
  const origin = await startOrigin(t, script)
  const root = temporaryDirectory(t)
  const directory = join(root, 'cache')
  mkdirSync(directory)
  const manifest = join(root, 'manifest.json')
  return {
    origin,
    root,
    directory,
    entry: (dest, more) => ({ url: `${origin.url}/${dest}`, dest, ...more }),
    write: (entries) => {
      writeFileSync(manifest, typeof entries === 'string' ? entries : JSON.stringify({ entries }))
      return manifest
    },
    warm: (entries, ...args) => {
      writeFileSync(manifest, typeof entries === 'string' ? entries : JSON.stringify({ entries }))
      return runCommand(['warm', manifest, '--dir', directory, ...args])
    },
  }
}

describe('a manifest', () => {
  test('is downloaded into the directory; what exists is not downloaded again', async (t) => {
    const { origin, directory, entry, warm } = await stage(t)
    const entries = [
      entry('bin/tool', { mode: '755', sha256: hash('bin/tool') }),
      entry('data.txt', { mirrors: [`${origin.url}/data.txt`] }),
    ]
    const first = await warm(entries, '--no-progress')
    assert.deepEqual(first, {
      ...{ code: 0, signal: null, stderr: '' },
      stdout:
        'downloaded  bin/tool (8 bytes)\ndownloaded  data.txt (8 bytes)\n2 downloaded, 0 cached, 0 failed\n',
    })
    assert.equal(readFileSync(join(directory, 'bin/tool'), 'utf8'), 'bin/tool')
    if (!IS_WINDOWS) assert.equal(statSync(join(directory, 'bin/tool')).mode & 0o777, 0o755)
    const second = await warm(entries)
    assert.match(second.stdout, /^cached {6}bin\/tool .*0 downloaded, 2 cached, 0 failed\n$/s)
    assert.equal(origin.requests.length, 2)
  })

  test('gives JSON with --json: counts, and the entries in order', async (t) => {
    const { origin, directory, entry, warm } = await stage(t, ({ path }) =>
      path === '/gone' ? { status: 410 } : { body: 'x' },
    )
    const { code, stdout } = await warm([entry('gone'), entry('there')], '--json', '--no-progress')
    assert.equal(code, 1)
    const message = 'Download failed: HTTP 410 Gone'
    assert.deepEqual(JSON.parse(stdout), {
      ...{ downloaded: 1, cached: 0, failed: 1 },
      entries: [
        {
          ...{ url: `${origin.url}/gone`, dest: 'gone', path: join(directory, 'gone') },
          ...{ status: 'failed', error: { message, code: 'ERR_HTTP_STATUS', status: 410 } },
        },
        {
          ...{ url: `${origin.url}/there`, dest: 'there', path: join(directory, 'there') },
          ...{ status: 'downloaded', size: 1 },
        },
      ],
    })
  })

  test('with one failure has all others, and exits with 1', async (t) => {
    const { directory, entry, warm } = await stage(t, ({ path }) =>
      path === '/gone' ? { status: 404 } : { body: 'x' },
    )
    const { code, stdout, stderr } = await warm([entry('gone'), entry('a'), entry('b')])
    assert.equal(code, 1)
    assert.match(stdout, /^failed {6}gone: Download failed: HTTP 404 Not Found$/m)
    assert.match(stdout, /2 downloaded, 0 cached, 1 failed\n$/)
    assert.match(stderr, /^gone: Download failed/m)
    assert.ok(existsSync(join(directory, 'a')) && existsSync(join(directory, 'b')))
  })

  test('with names that a terminal would obey is printed without them', async (t) => {
    const { entry, warm } = await stage(t)
    const entries = [{ ...entry('fine'), dest: 'a\u009b2J\u202eb' }]
    const { code, stdout } = await warm(entries, '--no-progress')
    assert.equal(code, 0)
    assert.match(stdout, /^downloaded {2}a\\u009b2J\\u202eb \(4 bytes\)$/m)
  })

  test('of no entries is done', async (t) => {
    const { warm } = await stage(t)
    const { code, stdout, stderr } = await warm([])
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.equal(stdout, '0 downloaded, 0 cached, 0 failed\n')
  })

  test('may begin with a byte order mark', async (t) => {
    const { entry, warm } = await stage(t)
    const { code, stderr } = await warm(`\uFEFF${JSON.stringify({ entries: [entry('a')] })}`)
    assert.equal(code, 0, stderr)
  })

  test('has the working directory by default, and makes the one of --dir', async (t) => {
    const { root, entry, write } = await stage(t)
    const manifest = write([entry('a/b')])
    const here = await runCommand(['warm', manifest], { cwd: root })
    assert.equal(here.code, 0, here.stderr)
    assert.ok(existsSync(join(root, 'a/b')))
    const there = await runCommand(['warm', manifest, '--dir', 'new/one'], { cwd: root })
    assert.equal(there.code, 0, there.stderr)
    assert.ok(existsSync(join(root, 'new/one/a/b')))
  })

  test('is downloaded with at most --concurrency at once', async (t) => {
    let active = 0
    let most = 0
    const { entry, warm } = await stage(t, async ({ path }) => {
      most = Math.max(most, ++active)
      await new Promise((resolve) => setTimeout(resolve, 50))
      active -= 1
      return { body: path }
    })
    const entries = ['a', 'b', 'c', 'd'].map((name) => entry(name))
    assert.equal((await warm(entries, '--concurrency', '1')).code, 0)
    assert.equal(most, 1)
  })

  test('has one progress, by tenths of its files', async (t) => {
    const { entry, warm } = await stage(t, slowly(Buffer.alloc(100_000), 10, 80))
    const { stderr } = await warm(['a', 'b', 'c'].map((name) => entry(name)))
    const lines = stderr.trimEnd().split('\n')
    const steps = lines.map((line) => Number(/^(\d+) % \(\d of 3 files, .*\)$/.exec(line)?.[1]))
    assert.ok(steps.length > 3, stderr)
    assert.ok(
      steps.every((step, index) => step > (steps[index - 1] ?? 0)),
      stderr,
    )
    assert.equal(lines.at(-1), '100 % (3 of 3 files, 300.0 kB)')
  })
})

describe('a manifest with an error exits with 2, prints which entry and why, and starts nothing', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const PRINTABLE = /^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$/
  const texts = [
    ['text', 'nonsense', /manifest\.json is not JSON/],
    ['an array', '[]', /must be an object with "entries"/],
    ['null', 'null', /must be an object with "entries"/],
    ['no array of entries', '{"entries":{}}', /must be an object with "entries"/],
    ['another key', '{"entries":[],"dir":"x"}', /has an unknown key: "dir"/],
    [
      'a key with commands for a terminal',
      '{"\\u001b[31m\\u009b":1,"entries":[]}',
      /"\\u001b\[31m\\u009b"/,
    ],
    ['commands for a terminal', '\x1b]0;title\x07', /is not JSON: Unexpected/],
    ['a password beside the fault', '{"a": hunter2-s3cret@host"}', /is not JSON: (?!.*hunter2)/],
  ]
  const faults = [
    ['no object', 'x', /entries\[1\] must be an object/],
    ['no URL', { url: undefined }, /entries\[1\]\.url is missing/],
    ['a URL of another scheme', { url: 'ftp://a/b' }, /entries\[1\]\.url: .*ftp/],
    ['a URL that is none', { url: 'file' }, /entries\[1\]\.url: /],
    ['a URL that is a number', { url: 7 }, /entries\[1\]\.url must be/],
    ['no destination', { dest: undefined }, /entries\[1\]\.dest is missing/],
    ['a number as destination', { dest: 7 }, /entries\[1\]\.dest must be a string/],
    ['an empty destination', { dest: '' }, /entries\[1\]\.dest must name a file/],
    ['the directory itself', { dest: '.' }, /entries\[1\]\.dest must name a file/],
    ['a directory', { dest: 'a/' }, /entries\[1\]\.dest must name a file/],
    [
      'a parent',
      { dest: '../evil' },
      /entries\[1\]\.dest leads out of the directory: "\.\.\/evil"/,
    ],
    ['a parent further on', { dest: 'a/../../evil' }, /entries\[1\]\.dest leads out/],
    ['a parent at the end', { dest: 'a/..' }, /entries\[1\]\.dest leads out/],
    ['an absolute path', { dest: '/elsewhere/file' }, /entries\[1\]\.dest must be relative/],
    ['a drive', { dest: 'C:evil' }, /entries\[1\]\.dest must be relative/],
    ['a share', { dest: '\\\\host\\evil' }, /entries\[1\]\.dest must be relative/],
    ['backslashes', { dest: 'a\\..\\..\\evil' }, /entries\[1\]\.dest must have \/ between names/],
    ['a null byte', { dest: 'a\0b' }, /entries\[1\]\.dest must have \/ between names/],
    ['the destination of another', { dest: 'good' }, /entries\[1\]\.dest is that of entries\[0\]/],
    ['the same in other words', { dest: './good' }, /entries\[1\]\.dest is that of entries\[0\]/],
    ['a file below a file', { dest: 'good/x' }, /entries\[1\]\.dest is below that of entries\[0\]/],
    [
      'the same where case does not count',
      { dest: 'GOOD' },
      /entries\[1\]\.dest is that of entries\[0\] where case does not count/,
    ],
    [
      'a name that is too long',
      { dest: 'x'.repeat(5000) },
      /entries\[1\]\.dest cannot be inspected \(ENAMETOOLONG\)/,
      IS_WINDOWS && 'Windows takes it for missing',
    ],
    ['half a digest', { sha256: 'abc' }, /entries\[1\]\.sha256 must be 64 hexadecimal digits/],
    ['a misspelled key', { sha265: 'abc' }, /entries\[1\] has an unknown key: "sha265"/],
    ['a mode in decimal', { mode: 755 }, /entries\[1\]\.mode must be octal digits in quotes/],
    ['a mode with a user id', { mode: '4755' }, /entries\[1\]\.mode must be of three digits/],
    ['a mode in words', { mode: 'rwx' }, /entries\[1\]\.mode must be octal digits in quotes/],
    ['a mirror that is none', { mirrors: ['file'] }, /entries\[1\]\.mirrors\[0\] is not a URL/],
    ['one mirror', { mirrors: 'http://a/' }, /entries\[1\]\.mirrors must be an array of URLs/],
  ]
  const nothingStarted = (origin, root) => {
    assert.equal(origin.requests.length, 0)
    const files = readdirSync(root, { recursive: true })
    assert.deepEqual(files.sort(), ['cache', 'manifest.json'])
  }

  for (const [what, text, message] of texts) {
    test(what, async (t) => {
      const { origin, root, warm } = await stage(t)
      const { code, stdout, stderr } = await warm(text)
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' })
      assert.match(stderr, message)
      assert.match(stderr, PRINTABLE)
      nothingStarted(origin, root)
    })
  }

  for (const [what, fault, message, skip = false] of faults) {
    test(what, { skip }, async (t) => {
      const { origin, root, entry, warm } = await stage(t)
      const wrong = typeof fault === 'string' ? fault : { ...entry('other'), ...fault }
      const { code, stdout, stderr } = await warm([entry('good'), wrong])
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' })
      assert.match(stderr, message)
      assert.match(stderr, PRINTABLE)
      nothingStarted(origin, root)
    })
  }

  test('and all of its errors', async (t) => {
    const { entry, warm } = await stage(t)
    const wrong = Array.from({ length: 30 }, (_, index) => entry(`../${index}`))
    const { stderr } = await warm([entry('good'), ...wrong])
    assert.match(stderr, /entries\[1\]\.dest.*\n.*entries\[2\]\.dest/)
    assert.match(stderr, /and 10 more/)
  })

  test('and no file at all', async (t) => {
    const { root } = await stage(t)
    const { code, stderr } = await runCommand(['warm', join(root, 'none.json')])
    assert.equal(code, 2)
    assert.match(stderr, /none\.json cannot be read: ENOENT/)
  })
})

describe('a link in the directory', { skip: IS_WINDOWS && 'links need a privilege' }, () => {
  const cases = [
    [
      'to a directory outside',
      'out',
      '../outside',
      'out/file',
      /leads out of the directory, by a link/,
    ],
    ['to the parent', 'up', '..', 'up/file', /leads out of the directory, by a link/],
    [
      'to a file outside',
      'file',
      '../outside/secret',
      'file',
      /leads out of the directory, by a link/,
    ],
    ['to nowhere', 'none', '../outside/none', 'none', /behind a dangling symbolic link/],
    ['in a circle', 'loop', 'loop', 'loop/file', /behind a dangling symbolic link/],
    [
      'with a similar name',
      'twin',
      '../cache-2',
      'twin/file',
      /leads out of the directory, by a link/,
    ],
  ]
  for (const [what, link, target, dest, message] of cases) {
    test(`${what} is refused`, async (t) => {
      const { origin, root, directory, entry, warm } = await stage(t)
      for (const name of ['outside', 'cache-2']) mkdirSync(join(root, name))
      writeFileSync(join(root, 'outside/secret'), 'secret')
      symlinkSync(target, join(directory, link))
      const { code, stderr } = await warm([entry(dest)])
      assert.equal(code, 2)
      assert.match(stderr, message)
      assert.equal(origin.requests.length, 0)
      assert.deepEqual(readdirSync(join(root, 'outside')), ['secret'])
      assert.deepEqual(readdirSync(join(root, 'cache-2')), [])
    })
  }

  test('does not hide that two entries are one file', async (t) => {
    const { origin, directory, entry, warm } = await stage(t)
    mkdirSync(join(directory, 'real'))
    symlinkSync('real', join(directory, 'link'))
    const { code, stderr } = await warm([entry('real/file'), entry('link/file')])
    assert.equal(code, 2)
    assert.match(stderr, /entries\[1\]\.dest is that of entries\[0\]/)
    assert.equal(origin.requests.length, 0)
  })

  test('that stays inside is followed, and the directory may be one itself', async (t) => {
    const { root, directory, entry, write } = await stage(t)
    mkdirSync(join(directory, 'real'))
    symlinkSync('real', join(directory, 'link'))
    symlinkSync('cache', join(root, 'alias'))
    const manifest = write([entry('link/file')])
    const { code, stderr } = await runCommand(['warm', manifest, '--dir', join(root, 'alias')])
    assert.equal(code, 0, stderr)
    assert.ok(existsSync(join(directory, 'real/file')))
  })
})

test('Ctrl-C exits with 130; the same command resumes what was running', {
  skip: IS_WINDOWS && 'Windows has no signals',
}, async (t) => {
  const origin = await startRangeOrigin({ gated: 2, ranges: true })
  t.after(() => origin.close())
  const root = temporaryDirectory(t)
  const manifest = join(root, 'manifest.json')
  const entries = ['a', 'b', 'c'].map((dest) => ({ url: origin.url, dest }))
  writeFileSync(manifest, JSON.stringify({ entries }))
  const args = ['warm', manifest, '--dir', join(root, 'cache'), '--json', '--concurrency', '2']
  const { child, ended, texts } = startCommand(args)
  await until(() => texts.stderr.includes('30 % '), 'half of two of three files')
  child.kill('SIGINT')
  const { code, stdout, stderr } = await ended
  assert.equal(code, 130)
  assert.match(stderr, /Interrupted\./)
  const outcomes = JSON.parse(stdout).entries
  assert.deepEqual(
    outcomes.map(({ status, error }) => [status, error.code]),
    outcomes.map(() => ['failed', 'ABORT_ERR']),
  )
  const before = origin.requests.length
  assert.equal(before, 2, 'the third one did not start')

  const again = await runCommand(args)
  assert.equal(again.code, 0, again.stderr)
  const ranges = origin.requests.slice(before).map(({ range }) => range)
  assert.equal(ranges.filter((range) => /^bytes=\d+-$/.test(range ?? '')).length, 2, `${ranges}`)
  for (const { dest } of entries) {
    assert.equal(hash(readFileSync(join(root, 'cache', dest))), origin.sha256)
  }
})

test('two at the same moment download everything once', async (t) => {
  const { origin, directory, entry, write } = await stage(t, slowly(randomBytes(10_000), 5, 50))
  const manifest = write(['a', 'b', 'c'].map((name) => entry(name)))
  const args = ['warm', manifest, '--dir', directory]
  const ended = await Promise.all([runCommand(args), runCommand(args)])
  for (const { code, stderr } of ended) assert.equal(code, 0, stderr)
  assert.equal(origin.requests.length, 3)
  rmSync(directory, { recursive: true })
})
