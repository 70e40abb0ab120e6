// Gives specs the `node:test` that skips.

const SELECTIVE = new URL('selective-test.mjs', import.meta.url).href

export async function resolve(specifier, context, next) {
  if (specifier === 'node:test' && context.parentURL !== SELECTIVE) {
    return { url: SELECTIVE, format: 'module', shortCircuit: true }
  }
  return next(specifier, context)
}
