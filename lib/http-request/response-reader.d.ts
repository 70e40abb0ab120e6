export { decodeBody, readIncomingResponse } from '../../index.js'
