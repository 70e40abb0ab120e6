export type { HttpResponse } from '../../index.js'
