export { enrichErrorMessage } from '../../index.js'
