// A server that, at random but repeatably, breaks off, changes what it serves, lies about ranges
// and fails. A client can notice every lie.

import { createServer } from 'node:http'
import { rangeStart, slice, whole } from './resume-origin.mjs'

const DATES = ['Mon, 03 Jan 2022', 'Tue, 01 Feb 2022', 'Tue, 01 Mar 2022']

/** Draws the versions of one file: their bytes from `pool`, their validators of all kinds. */
export function drawVersions(dice, pool) {
  const count = dice.between(1, 3)
  const kinds = ['strong', 'strong', 'strong', 'weak', 'old', 'old', 'both', 'now', 'none']
  const kind = dice.pick(kinds)
  const size = drawSize(dice)
  return Array.from({ length: count }, (_, index) => {
    const length = dice.chance(0.5) ? size : drawSize(dice)
    const start = dice.below(pool.length - length)
    const body = pool.subarray(start, start + length)
    return { body, validators: validatorsOf(dice.chance(0.8) ? kind : dice.pick(kinds), index) }
  })
}

function drawSize(dice) {
  return dice.pick([0, dice.below(4), dice.below(300), dice.below(65_537), dice.below(65_537)])
}

function validatorsOf(kind, index) {
  const now = new Date().toUTCString()
  const date = `${DATES[index]} 10:00:00 GMT`
  return {
    strong: { ETag: `"v${index}"` },
    both: { ETag: `"v${index}"`, 'Last-Modified': date },
    weak: { ETag: 'W/"v"' },
    old: { 'Last-Modified': date },
    now: { 'Last-Modified': now, Date: now },
    none: {},
  }[kind]
}

/**
 * Serves any number of files, each at a path of its own with a script of its own.
 *
 * @param {import('node:test').TestContext} t
 */
export async function startFickleOrigin(t) {
  const files = new Map()
  const server = createServer((request, response) => {
    response.on('error', () => {})
    // A request that was aborted on its way may arrive when its file is closed already.
    const file = files.get(request.url)
    if (file) file.respond(request, response)
    else response.destroy()
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  })
  const origin = `http://127.0.0.1:${server.address().port}`
  return {
    /** Serves versions of a file in a fickle way until it is told to be honest. */
    serve(path, dice, versions) {
      const file = new FickleFile(dice, versions)
      files.set(path, file)
      return Object.assign(file, { url: origin + path, close: () => files.delete(path) })
    },
  }
}

class FickleFile {
  requests = 0
  resumptions = 0
  /** Requests for the rest of what another source has sent. */
  elsewhere = 0
  /** Its responses, for the message of a failure. */
  said = []
  /** Called in the middle of a body, now and then, to stop the caller. */
  interrupt = () => {}
  #honest = false
  #current = 0
  #dice
  #versions

  constructor(dice, versions) {
    this.#dice = dice
    this.#versions = versions
  }

  becomeHonest() {
    this.#honest = true
  }

  respond(request, response) {
    this.requests += 1
    const from = rangeStart(request)
    if (from !== undefined) this.resumptions += 1
    if (from !== undefined && !request.headers['if-range']) this.elsewhere += 1
    if (!this.#honest && this.#dice.chance(0.2)) {
      this.#current = this.#dice.below(this.#versions.length)
    }
    const file = this.#versions[this.#current]
    const [what, scripted] = this.#choose(request, file, from)
    const cut = this.#honest || this.#dice.chance(0.3) ? undefined : this.#drawCut(scripted)
    const asked = from === undefined ? '' : ` ${from}- if ${request.headers['if-range']}`
    this.said.push(`v${this.#current}${asked}: ${what}${cut ? ` ${cut.how} at ${cut.at}` : ''}`)
    this.#send(response, scripted, cut)
  }

  #choose(request, file, from) {
    if (this.#honest) return ['honest', rightResponse(request, file, from)]
    const dice = this.#dice
    if (dice.chance(0.1)) {
      const status = dice.pick([416, 500, 503])
      return [`${status}`, { status, headers: {}, body: Buffer.from('no part of the file') }]
    }
    if (dice.chance(0.3)) return this.#lie(file, from, dice)
    return ['right', rightResponse(request, file, from)]
  }

  #lie(file, from, dice) {
    const size = file.body.length
    if (from === undefined) {
      const start = dice.below(size + 1)
      const status = dice.pick([200, 206])
      // A slice without a word about it under 200 could not be noticed.
      if (start === 0 || start === size) return ['whole', whole(file)]
      return [`unasked ${status} from ${start}`, slice(file, start, { status })]
    }
    const shift = dice.between(1, 20) * (dice.chance(0.5) ? 1 : -1)
    const other = Math.min(Math.max(from + shift, 0), Math.max(size - 1, 0))
    const ranged = (value) => slice(file, from, { headers: { 'Content-Range': value } })
    const lies = {
      'all of it': () => whole(file),
      'another total': () => ranged(`bytes ${from}-${size - 1}/${size + dice.between(1, 9)}`),
      'another offset': () => (other === from ? whole(file) : slice(file, other)),
      'no Content-Range': () => ranged(undefined),
      'a strange Content-Range': () => ranged(dice.pick(['bytes', 'bytes 1', 'bytes x-y/z', ''])),
      'a slice under 200': () => (from < size ? slice(file, from, { status: 200 }) : whole(file)),
      'more than the range': () =>
        slice(file, from, { body: Buffer.concat([file.body, file.body]), sized: true }),
      'a range of another version': () => this.#careless(from),
      multipart: () => multipart(file, from),
    }
    const what = dice.pick(Object.keys(lies))
    return [what, lies[what]()]
  }

  /** A range of the current version under its own strong validators, whatever `If-Range` says. */
  #careless(from) {
    const file = this.#versions[this.#current]
    const provable = this.#versions.every(({ validators }) => validators.ETag?.startsWith('"'))
    return provable && from < file.body.length ? slice(file, from) : whole(file)
  }

  #drawCut({ body }) {
    const how = this.#dice.pick(['cut off', 'reset', 'aborted', 'stalled, aborted'])
    const at = this.#dice.pick([0, 1, body.length - 1, this.#dice.below(body.length + 1)])
    return { how, at: Math.max(at, 0) }
  }

  #send(response, { status = 200, headers, body, sized }, cut) {
    // Without a length, a body that is too long and breaks off looks like one that is right.
    const chunked = !this.#honest && !sized && this.#dice.chance(0.15)
    const length = chunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': body.length }
    // A connection that is about to end is not kept by the client: another spec is about those.
    const connection = cut && { Connection: 'close' }
    response.writeHead(status, { ...headers, ...length, ...connection })
    if (!cut) {
      response.end(body)
      return
    }
    const stop = () => {
      if (cut.how === 'cut off') response.socket?.destroySoon()
      else if (cut.how === 'reset') response.socket?.resetAndDestroy()
      else {
        // Whether the caller has a signal or not, it does not get all of it from this response.
        this.interrupt()
        if (cut.how === 'aborted') response.end(body.subarray(cut.at))
        else setImmediate(() => response.socket?.destroy())
      }
    }
    if (cut.at === 0) response.flushHeaders()
    if (cut.at === 0) setImmediate(stop)
    else response.write(body.subarray(0, cut.at), stop)
  }
}

function rightResponse(request, file, from) {
  const strong = file.validators.ETag?.startsWith('"') ? file.validators.ETag : undefined
  const validator = strong ?? file.validators['Last-Modified']
  if (from === undefined || request.headers['if-range'] !== validator) return whole(file)
  if (from < file.body.length) return slice(file, from)
  const headers = { 'Content-Range': `bytes */${file.body.length}` }
  return { status: 416, headers, body: Buffer.alloc(0) }
}

function multipart(file, from) {
  const last = file.body.length - 1
  const head = `--limit\r\nContent-Range: bytes ${from}-${last}/${last + 1}\r\n\r\n`
  const body = Buffer.concat([
    Buffer.from(head),
    file.body.subarray(from),
    Buffer.from('\r\n--limit--\r\n'),
  ])
  const headers = { ...file.validators, 'Content-Type': 'multipart/byteranges; boundary=limit' }
  return { status: 206, headers, body }
}
