export { type HttpDownloadOptions, type HttpDownloadResult, httpDownload } from '../../index.js'
