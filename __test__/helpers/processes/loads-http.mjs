// Says when node:http is loaded: after the package, after a native request, after one by node:http.

import { createServer } from 'node:net'
import { httpRequest } from '@socketsecurity/registry'

delete process.env.SOCKET_HTTP_TRANSPORT
const isLoaded = () => process.moduleLoadList.includes('NativeModule http')
const server = createServer((socket) => {
  socket.on('error', () => {})
  socket.on('data', () => socket.end('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n'))
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${server.address().port}`

const required = isLoaded()
await httpRequest(url, { proxy: false })
const native = isLoaded()
await httpRequest(url, { proxy: false, transport: 'node' })
console.log(JSON.stringify({ required, native, node: isLoaded() }))
server.close()
