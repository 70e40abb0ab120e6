'use strict'

// Results as JSON.

const { printable } = require('../printable.js')

/** One line. */
const asJson = (value) => `${printable(JSON.stringify(value))}\n`

/** What machines need of an error. Messages have no secrets. */
const readable = ({ message, code, status }) => ({ message, code, status })

module.exports = { asJson, readable }
