export { fetchChecksumFile, parseChecksumFile } from '../../index.js'
