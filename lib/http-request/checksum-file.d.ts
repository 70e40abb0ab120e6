export {
  type ChecksumFile,
  type FetchChecksumFileOptions,
  fetchChecksumFile,
  parseChecksumFile,
} from '../../index.js'
