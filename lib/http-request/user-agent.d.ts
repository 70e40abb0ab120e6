export {
  buildUserAgent,
  chainUserAgents,
  getSocketCallerUserAgent,
  sanitizeUserAgent,
} from '../../index.js'
