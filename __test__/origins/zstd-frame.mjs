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
