// Calls a JSON API, retries transient failures, and tells the user what to do about the others.
//
//   API_TOKEN=… node examples/api.mjs <url>

import { httpGetJson } from '@socketsecurity/registry/lib/http-request'

/** @typedef {Error & { code?: string, status?: number, attempts?: number }} RequestError */

const [url] = process.argv.slice(2)
if (!url) {
  console.error('Usage: node examples/api.mjs <url>')
  process.exit(2)
}

try {
  const value = await httpGetJson(url, {
    headers: {
      'user-agent': 'api-example/1.0',
      ...(process.env.API_TOKEN && { authorization: `Bearer ${process.env.API_TOKEN}` }),
    },
    retries: 2, // at most three attempts
    retryDelay: 250, // then 500
    timeout: 10_000, // one attempt
  })
  console.log(JSON.stringify(value, null, 2))
} catch (error) {
  console.error(explain(/** @type {RequestError} */ (error)))
  process.exitCode = 1
}

/**
 * @param {RequestError} error
 * @returns {string}
 */
function explain(error) {
  switch (error.code) {
    case 'ERR_HTTP_STATUS':
      return explainStatus(error)
    case 'ERR_INVALID_URL':
      return `Not a URL: ${url}`
    case 'ERR_DECODE':
      return `The response is not JSON: ${error.message}`
    case 'ERR_TIMEOUT':
      return `The server is too slow: ${error.message}`
    case 'ENOTFOUND':
      return `No such host; check the spelling: ${error.message}`
    case 'EAI_AGAIN':
    case 'ENETUNREACH':
      return `No network: ${error.message}`
    case 'ECONNREFUSED':
      return `Nothing listens there: ${error.message}`
    default:
      return `${error.code}: ${error.message}`
  }
}

/**
 * @param {RequestError} error
 * @returns {string}
 */
function explainStatus({ message, status, attempts }) {
  switch (status) {
    case 401:
    case 403:
      return `${message}. Check API_TOKEN.`
    case 404:
      return `${message}. Check the path.`
    case 429:
      return `${message}. Too many requests, even after ${attempts} attempts; try again later.`
    default:
      return message
  }
}
