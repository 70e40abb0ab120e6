import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { afterEach, describe, test } from 'node:test'
import support from '../../lib/js-support.js'

/** The names that the addon asks for. */
const source = readFileSync(
  new URL('../../src/node/environment/variables.rs', import.meta.url),
  'utf8',
)
const list = /VARIABLES: \[&str; (\d+)\] = \[([^\]]*)\]/.exec(source)
const NAMES = [...list[2].matchAll(/"(\w+)"/g)].map(([, name]) => name)

const before = new Map(NAMES.map((name) => [name, process.env[name]]))
const set = (name, value) => {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}

describe('variables that calls read', () => {
  afterEach(() => {
    for (const [name, value] of before) set(name, value)
  })

  const fresh = (values = {}) => {
    for (const name of NAMES) set(name, values[name])
    const read = support.environmentReader(NAMES)
    return () => {
      const given = read()
      return given && Object.fromEntries(NAMES.map((name, index) => [name, given[index]]))
    }
  }

  test('are all known', () => assert.equal(NAMES.length, Number(list[1])))

  test('are given at first, and then only when they change', () => {
    const read = fresh({ NODE_DEBUG: 'x' })
    assert.equal(read().NODE_DEBUG, 'x')
    assert.equal(read(), undefined)
    assert.equal(read(), undefined)
  })

  for (const name of NAMES) {
    test(`${name} is read when it is set, changed and deleted`, () => {
      // The proxies make the others matter.
      for (const proxies of [{}, { HTTP_PROXY: 'http://a' }, { https_proxy: 'http://a' }]) {
        const isProxy = name in proxies
        const isForProxies = /^no_proxy$/i.test(name) && Object.keys(proxies).length === 0
        const isForHttpProxy = name === 'REQUEST_METHOD' && !proxies.HTTP_PROXY
        const read = fresh(proxies)
        read()
        for (const value of ['one', 'two', '', undefined]) {
          process.env[name] = 'between'
          if (isForProxies || isForHttpProxy) {
            set(name, value)
            assert.equal(read(), undefined, 'it does not matter')
            continue
          }
          read()
          set(name, value)
          const given = read()
          assert.ok(given, `${name} = ${value}`)
          assert.equal(given[name], value)
          if (!isProxy)
            for (const each of Object.keys(proxies)) assert.equal(given[each], 'http://a')
        }
      }
    })
  }

  test('what mattered to nobody is read when it does', () => {
    const read = fresh()
    read()
    set('NO_PROXY', 'a')
    set('REQUEST_METHOD', 'GET')
    assert.equal(read(), undefined)
    set('HTTP_PROXY', 'http://b')
    const { NO_PROXY, REQUEST_METHOD } = read()
    assert.deepEqual([NO_PROXY, REQUEST_METHOD], ['a', 'GET'])
  })
})
