export {
  type DownloadWithLockOptions,
  downloadWithLock,
  type HttpDownloadResult,
  type LockHolder,
} from '../index.js'
