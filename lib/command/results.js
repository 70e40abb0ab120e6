'use strict'

// Results as JSON.

/** One line. */
const asJson = (value) => `${JSON.stringify(value)}\n`

/** What machines need of an error. Messages have no secrets. */
const readable = ({ message, code, status }) => ({ message, code, status })

module.exports = { asJson, readable }
