// Where all contenders would take too long, those that the goals speak of.

/** Also those whose growth is drawn. */
export const CLIENTS = ['ours', 'node-http', 'fetch', 'undici']
export const FAST_CLIENTS = ['ours', 'node-http', 'undici']
export const DOWNLOADERS = ['ours', 'node-http', 'fetch', 'curl']
export const VERIFIERS = [...DOWNLOADERS, 'cli-flow', 'node-fetch', 'got']
