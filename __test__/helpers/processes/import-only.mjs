// Loads the package and does nothing with it.

import '@socketsecurity/registry'

console.log('settled')
