'use strict'

// The texts of --help.

const DOWNLOADS = `  --retries N           attempts after the first of a source (3)
  --connections N       ranges fetched at once, 1 to 16, where the server can (1)
  --max-rate RATE       bytes per second of everything together: 500k, 2M or a number
  --no-progress         nothing on standard error but failures
  --json                the result as JSON on standard output`

const TEXTS = {
  download: `Usage: socket-registry download [options] <url> <dest>

Downloads a file, which appears at <dest> whole and verified, or not at all. Of several
processes that want the same <dest>, one downloads. What was interrupted is resumed.

  --sha256 HEX          the file's SHA-256, in hexadecimal
  --integrity SRI       the file's digest, as npm writes it: sha512-…
  --mode MODE           permission bits, in octal: 755
  --mirror URL          another URL of the same bytes, tried next. May be repeated.
  --no-lock             without the lock: what is at <dest> is replaced
${DOWNLOADS}
`,
  warm: `Usage: socket-registry warm [options] <manifest.json>

Downloads the files of a manifest that are not there yet, for images and caches of CI jobs.
The manifest is checked before anything starts:

  { "entries": [{ "url": "https://…", "dest": "bin/tool", "sha256": "…", "mode": "755",
                  "mirrors": ["https://…"] }] }

sha256, mode and mirrors may be left out. dest is relative to --dir, and never outside it.

  --dir DIR             directory of the files (the current one)
  --concurrency N       downloads at once (4)
${DOWNLOADS}
`,
  doctor: `Usage: socket-registry doctor [options] [url]

Reports the addon, proxies, certificates, locks and cache that requests use on this machine,
and what is wrong with them. With a URL, also sends one GET. Contains no secrets.

  --json                the report as JSON
`,
  metrics: `Usage: socket-registry metrics [options] <file>

Adds up what processes have written to the file that SOCKET_METRICS_FILE named.

  --prometheus          in the text format of Prometheus
  --json                as JSON
`,
}

const OVERVIEW = `Usage: socket-registry <command> [options]

  download <url> <dest>     downloads a file, once for all processes
  warm <manifest.json>      downloads the files of a manifest that are not there yet
  doctor [url]              reports what requests use on this machine, and what is wrong
  metrics <file>            adds up what processes wrote to SOCKET_METRICS_FILE

  -h, --help                help; of a command: socket-registry <command> --help
  -v, --version             the version

Exit codes: 0 done, 1 failed, 2 wrong usage or a wrong manifest, 130 interrupted.
`

/** The help of a subcommand, or the overview. */
const help = (command) => (command === undefined ? OVERVIEW : TEXTS[command])

module.exports = { help }
