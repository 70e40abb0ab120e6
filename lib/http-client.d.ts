export {
  HttpClient,
  type HttpClientMetrics,
  type HttpClientOptions,
  type HttpClientRequestOptions,
  type HttpHooks,
  type HttpResponse,
  type HttpResponseError,
} from '../index.js'
