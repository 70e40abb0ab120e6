// Asks the doctor, prints report and text.

const { url, options, lib = '@socketsecurity/registry/lib/doctor' } = JSON.parse(process.argv[2])
const { doctor } = await import(lib)
const report = await doctor(url, options)
console.log(JSON.stringify({ event: 'report', report, text: String(report) }))
