export type { HttpDownloadOptions, HttpDownloadResult } from '../../index.js'
