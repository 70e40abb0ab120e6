'use strict'

// node main.cjs <url>: a request and a download, from CommonJS.

const { httpGetJson } = require('@socketsecurity/registry')
const { httpDownload } = require('@socketsecurity/registry/lib/http-request')

async function main(url) {
  const { fine } = await httpGetJson(url)
  const { size } = await httpDownload(url, 'downloaded-by-commonjs')
  console.log(JSON.stringify({ fine, size }))
}

main(process.argv[2])
