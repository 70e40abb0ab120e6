import { HttpClient } from '../../../lib/http-client.js'

const getter = (options) => {
  const client = new HttpClient(options)
  return (url) => client.getJson(url)
}

export const memory = () => getter({ cache: 'memory' })

/** Not `true`, which would take responses from memory. */
export const disk = (cacheDir) => getter({ cache: 'disk', cacheDir })
