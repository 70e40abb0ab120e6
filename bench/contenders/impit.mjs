// Native too, on reqwest. It has no option for certificates and reads no variable for them, so over
// TLS it is measured without checking them, which is less work than the others do.

import { Impit } from 'impit'

export const name = 'impit'
export const kind = 'npm'

export const cannot = {
  download: 'no way to a file but through JavaScript; made for requests',
  verified: 'no way to a file but through JavaScript; made for requests',
}

const plain = new Impit({ ignoreTlsErrors: true })

/** It offers HTTP/2 only when it plays a browser. The browsers do not differ in speed. */
const overH2 = new Impit({ ignoreTlsErrors: true, browser: 'chrome' })

export const json = async (url) => (await plain.fetch(url)).json()

export const jsonOverH2 = async (url) => (await overH2.fetch(url)).json()
