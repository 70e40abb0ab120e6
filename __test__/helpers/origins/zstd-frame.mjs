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

/**
 * A frame of some 30 bytes for each 128 KB that it unpacks to: `unit`, of 31 bytes at most, again
 * and again, `size` bytes at least. Blocks of one sequence each: the unit as literals, then a copy
 * of what is there.
 */
export function zstdRepeat(unit, size) {
  const LARGEST_BLOCK = 128 * 1024
  const copied = LARGEST_BLOCK - (LARGEST_BLOCK % unit.length) - unit.length
  const [literalCode, literalBase, literalBits] = [
    ...Array.from({ length: 16 }, (_, code) => [code, code, 0]),
    ...[16, 18, 20, 22].map((base, index) => [16 + index, base, 1]),
    ...[24, 28].map((base, index) => [20 + index, base, 2]),
  ].findLast(([, base]) => base <= unit.length)
  const offset = unit.length + 3
  const offsetCode = 31 - Math.clz32(offset)
  const [copyCode, copyBase, copyBits] = [52, 65_539, 16]
  // Read from its end, where a bit that is set marks the beginning.
  let bits = 1n
  for (const [value, width] of [
    [offset - 2 ** offsetCode, offsetCode],
    [copied - copyBase, copyBits],
    [unit.length - literalBase, literalBits],
  ]) {
    bits = (bits << BigInt(width)) | BigInt(value)
  }
  const stream = []
  for (; bits > 0n; bits >>= 8n) stream.push(Number(bits & 0xffn))
  const ONE_CODE_FOR_ALL = 0b01_01_01_00
  const sequences = [1, ONE_CODE_FOR_ALL, literalCode, offsetCode, copyCode, ...stream]
  const content = Buffer.from([unit.length << 3, ...unit, ...sequences])
  const block = (isLast) => {
    const header = (content.length << 3) | (2 << 1) | isLast
    return Buffer.concat([Buffer.from([header & 0xff, header >> 8, header >> 16]), content])
  }
  const count = Math.ceil(size / (unit.length + copied))
  const magic = [0x28, 0xb5, 0x2f, 0xfd]
  const windowOfTheLargestBlock = [0x00, 7 << 3]
  const frame = Buffer.from([...magic, ...windowOfTheLargestBlock])
  return Buffer.concat([frame, ...Array.from({ length: count - 1 }, () => block(0)), block(1)])
}
