// Zstandard without an encoder, which older Node versions lack.

/** A frame of one raw block: the text as it is, of 255 bytes at most. */
export function zstdFrame(text) {
  const bytes = Buffer.from(text)
  const magic = [0x28, 0xb5, 0x2f, 0xfd]
  const singleSegment = [0x20, bytes.length]
  const lastRawBlock = 1 | (bytes.length << 3)
  const blockHeader = [lastRawBlock & 0xff, lastRawBlock >> 8, 0]
  return Buffer.concat([Buffer.from([...magic, ...singleSegment, ...blockHeader]), bytes])
}

/** `compressedText` as the reference encoder compresses it, checksum included. */
export const compressedFrame = Buffer.from(
  '28b52ffd0468bd000080736f636b65742072656769737472792001005a4f3597f613e793',
  'hex',
)
export const compressedText = 'socket registry '.repeat(60)

/** A frame of a few bytes for each 128 KB of zeros that it unpacks to, `size` bytes at least. */
export function zstdBomb(size) {
  const LARGEST_BLOCK = 128 * 1024
  const magic = [0x28, 0xb5, 0x2f, 0xfd]
  const windowOfTheLargestBlock = [0x00, 7 << 3]
  const count = Math.ceil(size / LARGEST_BLOCK)
  const blocks = Array.from({ length: count }, (_, index) => {
    const repeatedByte = (LARGEST_BLOCK << 3) | (1 << 1) | (index === count - 1 ? 1 : 0)
    return [repeatedByte & 0xff, (repeatedByte >> 8) & 0xff, repeatedByte >> 16, 0]
  })
  return Buffer.from([...magic, ...windowOfTheLargestBlock, ...blocks.flat()])
}
