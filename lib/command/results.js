'use strict'

// Results as JSON.

const { printable } = require('../printable.js')

/** One line. */
const asJson = (value) => `${printable(JSON.stringify(value))}\n`

/** Returns the fields of an error that programs need. Messages contain no secrets. */
const readable = ({ message, code, status }) => ({ message, code, status })

module.exports = { asJson, readable }
