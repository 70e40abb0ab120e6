'use strict'

// Detects tools that intercept the requests of node:http, such as nock and MSW. Used by each call,
// so it must be cheap without them, and must not load node:http, which takes longer than loading
// all of this package.

/** The name by which `@mswjs/interceptors`, the base of MSW and nock, marks that it intercepts. */
const NAME = 'client-request-interceptor'
/** Its name in the registry of later versions, such as those of MSW 3 and nock 15. */
const SOURCE = Symbol.for('node-http-request-source')

let http
/** The function at the last check. Tools replace it. */
let seen
let isPatched = false
let loadedModules = 0

function isIntercepted() {
  return isActive(globalThis.__MSW_INTERCEPTORS_REGISTRY) || isHttpPatched()
}

/** Later versions intercept below node:http, and keep a registry. */
function isActive(registry) {
  return registry !== undefined && registry.get?.(SOURCE)?.readyState === 'ACTIVE'
}

/**
 * Earlier versions replace functions of node:http, and put themselves on the global object under a
 * symbol of their own. nock 13 does without them.
 */
function isHttpPatched() {
  // Other runtimes have no list of loaded modules.
  if (!Array.isArray(process.moduleLoadList)) return isMarked()
  if (http === undefined) {
    if (!isHttpLoaded()) return false
    http = require('node:http')
  }
  if (http.request !== seen) {
    seen = http.request
    isPatched = isMarked() || http.ClientRequest.name === 'OverriddenClientRequest'
  }
  return isPatched
}

function isMarked() {
  return Object.getOwnPropertySymbols(globalThis).some(({ description }) => description === NAME)
}

/** A module that is not loaded is not patched. */
function isHttpLoaded() {
  const { moduleLoadList } = process
  if (moduleLoadList.length === loadedModules) return false
  loadedModules = moduleLoadList.length
  return moduleLoadList.includes('NativeModule http')
}

module.exports = { isIntercepted }
