'use strict'

// Text for people. Servers, manifests and files of metrics may have characters in it that a
// terminal takes for commands, or that turn the direction of what follows.

const UNPRINTABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * The text with escapes as in JSON, of which a copy is still right. Tabs and ends of lines stay.
 */
const printable = (text) => text.replace(UNPRINTABLE, escaped)

/** The same in one line: nobody's text looks like a line of ours. */
const inOneLine = (text) => printable(text).replaceAll('\n', '\\n')

module.exports = { inOneLine, printable }
