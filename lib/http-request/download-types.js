'use strict'

// Types only.
module.exports = {}
