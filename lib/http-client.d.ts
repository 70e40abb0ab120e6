export {
  HttpClient,
  type HttpClientMetrics,
  type HttpClientOptions,
  type HttpClientRequestOptions,
  type HttpHooks,
  type HttpResponse,
  type HttpResponseError,
  type ResponseTimings,
} from '../index.js'
