export {
  type HttpDownloadOptions,
  type HttpDownloadResult,
  type HttpRequestOptions,
  type HttpResponse,
  httpDownload,
  httpGetJson,
  httpGetText,
  httpRequest,
} from '../index.js'
