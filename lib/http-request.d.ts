export {
  type HttpDownloadOptions,
  type HttpDownloadResult,
  type HttpHooks,
  type HttpRequestOptions,
  type HttpResponse,
  HttpResponseError,
  httpDownload,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
  httpText,
} from '../index.js'
