export * from '../http-request.js'
