export {
  HttpClient,
  type HttpClientMetrics,
  type HttpClientOptions,
  type HttpClientRequestOptions,
  type HttpHooks,
  type HttpResponse,
  HttpResponseError,
} from '../index.js'
