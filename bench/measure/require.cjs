'use strict'

// CommonJS, so that nothing but Node itself is loaded before.

const { load, byImport } = JSON.parse(process.argv[2])

async function main() {
  const started = performance.now()
  if (byImport) await import(load)
  else require(load)
  console.log(JSON.stringify({ load: performance.now() - started }))
}
main()
