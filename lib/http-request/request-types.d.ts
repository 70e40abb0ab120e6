export type { HttpHooks, HttpRequestOptions } from '../../index.js'
