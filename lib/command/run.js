'use strict'

// The command `socket-registry`: finds the subcommand, runs it, and sets the exit code.
//
// The addon is loaded by the subcommands alone, so that help and `doctor` work without it.

const { parse, UsageError } = require('./arguments.js')
const { help } = require('./help.js')
const { Progress } = require('./progress.js')
const { printable } = require('../printable.js')

const EXIT = { ok: 0, failed: 1, usage: 2 }

/** Written out, so that bundlers see the modules. */
const COMMANDS = {
  download: () => require('./download.js'),
  warm: () => require('./warm.js'),
  doctor: () => require('./doctor.js'),
  metrics: () => require('./metrics.js'),
}

const RESUMABLE = new Set(['download', 'warm'])

/** Exit codes of programs that a signal ends: 128 and its number. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

/** Runs a command line. Sets `exitCode` of the process when everything has ended. */
async function run(args, proc) {
  const output = watchOutput(proc)
  const interruption = { signal: undefined, code: undefined, stop() {} }
  let progress
  let command
  let code
  try {
    const { values, positionals, ...parsed } = parse(args)
    command = parsed.command
    if (values.help) {
      proc.stdout.write(help(command))
      code = EXIT.ok
    } else if (values.version) {
      proc.stdout.write(`${require('../../package.json').version}\n`)
      code = EXIT.ok
    } else if (command === undefined) {
      proc.stderr.write(help())
      code = EXIT.usage
    } else {
      progress = new Progress(proc.stderr, !values['no-progress'])
      // The others leave nothing that can be resumed: a signal ends them as it ends any process.
      if (RESUMABLE.has(command)) listenForSignals(proc, interruption)
      const { signal } = interruption
      const isFine = await COMMANDS[command]().run({ values, positionals, signal, proc, progress })
      code = isFine ? EXIT.ok : EXIT.failed
    }
  } catch (error) {
    progress?.end()
    code = error instanceof UsageError ? EXIT.usage : EXIT.failed
    if (interruption.code === undefined) proc.stderr.write(`${explain(error, command)}\n`)
  }
  progress?.end()
  interruption.stop()
  if (interruption.code !== undefined) {
    proc.stderr.write('Interrupted. Run the same command again to resume.\n')
  }
  proc.exitCode = interruption.code ?? (output.error ? EXIT.failed : code)
}

function explain(error, command = error.command) {
  const lines = [`socket-registry: ${error.message}`]
  if (error instanceof UsageError) {
    lines.push(`Try '${['socket-registry', command, '--help'].filter(Boolean).join(' ')}'.`)
  } else if (typeof error.code === 'string' && !error.message.includes(error.code)) {
    lines[0] += ` (${error.code})`
  }
  return printable(lines.join('\n'))
}

/**
 * Aborts a signal at the first SIGINT, SIGTERM or SIGHUP, so that downloads leave what can be
 * resumed. The second one ends the process at once.
 */
function listenForSignals(proc, interruption) {
  const controller = new AbortController()
  const listeners = Object.entries(SIGNALS).map(([name, code]) => {
    const listener = () => {
      if (interruption.code !== undefined) proc.exit(interruption.code)
      interruption.code = code
      controller.abort()
    }
    proc.on(name, listener)
    return [name, listener]
  })
  interruption.signal = controller.signal
  interruption.stop = () => {
    for (const [name, listener] of listeners) proc.off(name, listener)
  }
}

/**
 * Keeps the process alive when nobody reads any more. A reader that has seen enough, as `head`, is
 * no failure of the command; a result that could not be written is.
 */
function watchOutput(proc) {
  const output = { error: undefined }
  proc.stderr.on('error', () => {})
  proc.stdout.on('error', (error) => {
    if (error.code === 'EPIPE') return
    proc.stderr.write(`socket-registry: The result cannot be written: ${error.message}\n`)
    output.error = error
    proc.exitCode = EXIT.failed
  })
  return output
}

module.exports = { run }
