import makeFetchHappen from 'make-fetch-happen'

export function disk(cachePath) {
  const fetch = makeFetchHappen.defaults({ cachePath, maxSockets: Number.POSITIVE_INFINITY })
  return async (url) => (await fetch(url)).json()
}
