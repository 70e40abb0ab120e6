export { decodeBody, type IncomingResponse, readIncomingResponse } from '../../index.js'
