// Does not compile: the spec of the types must notice.

import { httpGetText } from '@socketsecurity/registry'

export const text: Promise<number> = httpGetText('http://example.com/')
