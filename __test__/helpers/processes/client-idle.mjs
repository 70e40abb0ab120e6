// Uses clients of every kind and leaves them.

import { HttpClient } from '@socketsecurity/registry'

const [, , baseUrl] = process.argv
const hooks = { onRequest() {} }
const clients = [false, 'memory'].map((cache) => new HttpClient({ baseUrl, cache, hooks }))
await Promise.all(clients.map((client) => client.getJson('/')))
for (let count = 0; count < 1000; count += 1) new HttpClient({ baseUrl, cache: 'memory', hooks })
console.log('settled')
