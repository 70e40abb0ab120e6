export {
  type CacacheClearOptions,
  type CacacheEntry,
  type CacachePutOptions,
  clear,
  get,
  put,
  remove,
  safeGet,
  withTmp,
} from '../index.js'
