// A server of many files that are served by ranges, each with a character of its own: honest,
// limited to some connections, breaking off, stalling, changing, lying about ranges. Every lie can
// be noticed.

import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { drained, honest, rangeOf } from './range-origin.mjs'
import './no-proxy.mjs'

const PIECE = 65_536
const MIB = 1 << 20

/** @param {import('node:test').TestContext} t */
export async function startManyFiles(t) {
  const files = new Map()
  const server = createServer((request, response) => {
    response.on('error', () => {})
    const file = files.get(request.url)
    if (file) file.respond(request, response)
    else response.destroy()
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    serve(path, dice, pool) {
      const file = new FickleRanges(dice, pool)
      files.set(path, file)
      file.url = `http://127.0.0.1:${server.address().port}${path}`
      file.close = () => files.delete(path)
      return file
    },
  }
}

class FickleRanges {
  requests = 0
  sent = 0
  /** Its responses, for the message of a failure. */
  said = []
  #active = 0
  #current = 0
  #dice

  constructor(dice, pool) {
    this.#dice = dice
    this.#dice = dice
    this.isHonest = dice.chance(0.3)
    this.versions = Array.from({ length: this.isHonest ? 1 : dice.between(1, 2) }, (_, index) => {
      const size = dice.pick([
        dice.below(MIB),
        dice.between(2 * MIB, 4 * MIB),
        dice.between(2 * MIB, 8 * MIB),
      ])
      const start = dice.below(pool.length - size)
      return { body: pool.subarray(start, start + size), validators: { ETag: `"v${index}"` } }
    })
    const off = this.isHonest
    this.character = {
      most: off || dice.chance(0.6) ? Number.POSITIVE_INFINITY : dice.between(1, 4),
      refusal: dice.pick([429, 503, 'reset']),
      breaks: off ? 0 : dice.pick([0, 0, 0.1, 0.3]),
      stalls: off ? 0 : dice.pick([0, 0, 0.03]),
      changes: off ? 0 : dice.pick([0, 0.05, 0.2]),
      lies: off ? 0 : dice.pick([0, 0.05, 0.2]),
      fails: off ? 0 : dice.pick([0, 0.05]),
      pause: dice.pick([0, 0, 2, 5]),
    }
  }

  becomeHonest() {
    const { pause } = this.character
    const most = Number.POSITIVE_INFINITY
    this.character = {
      most,
      refusal: 503,
      breaks: 0,
      stalls: 0,
      changes: 0,
      lies: 0,
      fails: 0,
      pause,
    }
  }

  async respond(request, response) {
    const dice = this.#dice
    const { most, refusal, breaks, stalls, changes, lies, fails } = this.character
    this.requests += 1
    this.#active += 1
    response.on('close', () => {
      this.#active -= 1
    })
    if (dice.chance(changes)) this.#current = dice.below(this.versions.length)
    const file = this.versions[this.#current]
    const say = (what) =>
      this.said.push(
        `v${this.#current} ${request.headers.range} if ${request.headers['if-range']}: ${what}`,
      )
    if (this.#active > most) {
      say(`refused: ${refusal}`)
      if (refusal === 'reset') return response.socket?.resetAndDestroy()
      return response.writeHead(refusal).end()
    }
    if (dice.chance(fails)) {
      say('500')
      return response.writeHead(500).end()
    }
    const scripted = dice.chance(lies) ? this.#lie(request, file) : honest(request, file)
    const length = scripted.body?.length ?? 0
    const cut = dice.chance(breaks) ? dice.below(length + 1) : undefined
    const stall = cut === undefined && dice.chance(stalls) ? dice.below(length + 1) : undefined
    say(
      `${scripted.status} ${scripted.headers?.['Content-Range']} ${cut === undefined ? '' : `cut at ${cut}`} ${stall === undefined ? '' : `stalled at ${stall}`}`,
    )
    await this.#send(response, scripted, cut, stall)
  }

  #lie(request, file) {
    const dice = this.#dice
    const range = rangeOf(request, file)
    const whole = { status: 200, headers: file.validators, body: file.body }
    if (!range || range.start >= file.body.length) return whole
    const right = honest(request, file)
    const { start, end } = range
    const named = (value) => ({ ...right, headers: { ...right.headers, 'Content-Range': value } })
    const total = file.body.length
    const other = this.versions[dice.below(this.versions.length)]
    return dice.pick([
      whole,
      { status: 416 },
      {
        ...right,
        headers: { ...right.headers, 'Content-Type': 'multipart/byteranges; boundary=x' },
      },
      named(`bytes ${start + 1}-${end}/${total}`),
      named(`bytes ${start}-${end - 1}/${total + 1}`),
      named(`bytes ${start}-${end - 1}/*`),
      named('bytes'),
      // Without a look at If-Range, but under its own validator.
      honest({ headers: { range: request.headers.range } }, other),
      { ...right, body: right.body.subarray(0, Math.floor(right.body.length / 2)) },
    ])
  }

  async #send(response, { status, headers = {}, body = Buffer.alloc(0) }, cut, stall) {
    response.writeHead(status, { 'Content-Length': body.length, ...headers })
    const until = cut ?? stall ?? body.length
    for (let from = 0; from < until && !response.destroyed; from += PIECE) {
      const piece = body.subarray(from, Math.min(from + PIECE, until))
      this.sent += piece.length
      if (!response.write(piece)) await drained(response)
      if (this.character.pause > 0) await sleep(this.character.pause)
      else await new Promise(setImmediate)
    }
    if (cut !== undefined) response.socket?.resetAndDestroy()
    else if (stall === undefined) response.end()
  }
}
