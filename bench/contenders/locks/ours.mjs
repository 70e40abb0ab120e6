import { downloadWithLock } from '../../../lib/download-lock.js'

export const fetchOnce = (url, file, options) => downloadWithLock(url, file, options)
