export {
  basicAuthHeader,
  isSensitiveHeaderName,
  parseRetryAfterHeader,
  sanitizeHeaders,
} from '../../index.js'
