export {
  type HttpHooks,
  type HttpRequestOptions,
  type HttpResponse,
  HttpResponseError,
  httpGetJson,
  httpGetText,
  httpJson,
  httpRequest,
  httpText,
} from '../../index.js'
