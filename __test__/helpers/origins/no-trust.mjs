// Removes the variables that change which certificates are trusted, for the specs about trust.

for (const name of [
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_TLS_REJECT_UNAUTHORIZED',
]) {
  delete process.env[name]
}
