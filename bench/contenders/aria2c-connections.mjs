import * as aria2c from './aria2c.mjs'

export const name = 'aria2c, connections'
export const { kind, program, cannot } = aria2c

/**
 * The command line: `-x` is the most connections to a server, `-s` the parts of the file, `-k` the
 * least size of one.
 */
const flags = ({ connections = 8 }) => [`-x${connections}`, `-s${connections}`, '-k1M']

const withFlags = ([command, ...args], settings) => [command, ...flags(settings), ...args]

export const download = (url, file, settings) =>
  withFlags(aria2c.download(url, file, settings), settings)

export const verified = (url, file, settings) =>
  withFlags(aria2c.verified(url, file, settings), settings)
