'use strict'

// Whether somebody intercepts the requests of node:http, as nock and MSW do. Each call asks: this must cost nothing where nobody
// does, and must not load node:http, which takes longer than loading all of this package.

/** What `@mswjs/interceptors`, on which MSW and nock are built, calls its interceptor of node:http. */
const NAME = 'client-request-interceptor'

let http
/** The function at the last look: whoever intercepts replaces it. */
let seen
let isPatched = false
let loadedModules = 0

function isIntercepted() {
  return isActive(globalThis.__MSW_INTERCEPTORS_REGISTRY) || isHttpPatched()
}

/** Since 0.42 the interceptors work below node:http, and are in a list. */
function isActive(registry) {
  if (registry === undefined) return false
  return registry.get?.(Symbol.for(NAME))?.readyState === 'ACTIVE'
}

/** Earlier ones put themselves on the global object, under a symbol that nobody else has. So does what goes around it: nock 13. */
function isHttpPatched() {
  if (http === undefined) {
    if (!isHttpLoaded()) return false
    http = require('node:http')
  }
  if (http.request !== seen) {
    seen = http.request
    const symbols = Object.getOwnPropertySymbols(globalThis)
    isPatched =
      symbols.some((symbol) => symbol.description === NAME) ||
      http.ClientRequest.name === 'OverriddenClientRequest'
  }
  return isPatched
}

/** Nobody has patched what nobody has loaded. */
function isHttpLoaded() {
  const { moduleLoadList } = process
  // Other runtimes.
  if (!Array.isArray(moduleLoadList)) return true
  if (moduleLoadList.length === loadedModules) return false
  loadedModules = moduleLoadList.length
  return moduleLoadList.includes('NativeModule http')
}

module.exports = { isIntercepted }
