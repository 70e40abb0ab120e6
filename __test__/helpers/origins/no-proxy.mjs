// Every server of the specs is on this machine: a proxy of the environment has no part in it.

for (const name of Object.keys(process.env)) {
  if (/^(https?|all|no)_proxy$/i.test(name)) {
    delete process.env[name]
  }
}
