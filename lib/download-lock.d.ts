export {
  type DownloadWithLockOptions,
  downloadWithLock,
  type HttpDownloadResult,
  type LockHolder,
  type WarmCacheEntry,
  type WarmCacheOptions,
  type WarmCacheResult,
  warmCache,
} from '../index.js'
