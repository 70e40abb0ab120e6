// npm run instructions: how many instructions one request takes in the core, by valgrind. The same
// on a busy machine as on an idle one, so that a change can be compared by it: run it before and
// after.
//
// Two runs of different length; what they differ by is the requests, without start and first
// connection.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { output } from './output.mjs'

const FEW = 100
const MANY = 1100

/** The program under benches/request_path.rs, with names of functions in it. */
function program() {
  const env = {
    ...process.env,
    CARGO_PROFILE_BENCH_STRIP: 'none',
    CARGO_PROFILE_BENCH_DEBUG: 'line-tables-only',
  }
  // The core alone, with the allocator of the addon.
  const features = ['--no-default-features', '--features', 'allocator']
  const args = ['bench', '--locked', ...features, '--bench', 'request_path', '--no-run']
  const messages = output('cargo', [...args, '--message-format=json'], { env })
  const built = messages.split('\n').filter((line) => line.includes('"executable":"'))
  return JSON.parse(built.at(-1)).executable
}

/** Instructions of a whole run. The server, a child process, is not traced. */
function count(executable, requests, directory) {
  const file = join(directory, `${requests}`)
  const tool = ['--tool=callgrind', '--quiet', `--callgrind-out-file=${file}`]
  output('valgrind', [...tool, executable, `${requests}`], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return {
    file,
    instructions: Number(readFileSync(file, 'utf8').match(/^(?:totals|summary): (\d+)/m)[1]),
  }
}

const directory = mkdtempSync(join(tmpdir(), 'instructions-'))
try {
  const executable = program()
  const [few, many] = [FEW, MANY].map((requests) => count(executable, requests, directory))
  const each = (many.instructions - few.instructions) / (MANY - FEW)
  console.log(`${Math.round(each).toLocaleString('en')} instructions for one request`)
  if (process.argv.includes('--functions')) {
    console.log(output('callgrind_annotate', ['--inclusive=yes', '--threshold=95', many.file]))
  }
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}
