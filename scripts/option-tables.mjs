// The tables of options in the reference, from the comments in the types. Reads and writes nothing.

import ts from 'typescript'

const MARKED = /^<!-- options: (\w+(?: \w+)*) -->\n.*?^<!-- end -->$/gms

/** The document with each table between its marks as the types have it now. */
export function withTables(document, types) {
  const interfaces = interfacesOf(types)
  return document.replace(MARKED, (_, names) => {
    const rows = names.split(' ').flatMap((name) => {
      const members = interfaces.get(name)
      if (!members) throw new Error(`The types have no interface ${name}, which a table is to show`)
      return members.map((member) => row(name, member))
    })
    return `<!-- options: ${names} -->\n\n${HEAD}\n${rows.join('\n')}\n\n<!-- end -->`
  })
}

/** The names of interfaces that a table of the document shows. A table may show several. */
export function tablesIn(document) {
  return [...document.matchAll(MARKED)].flatMap(([, names]) => names.split(' '))
}

/** The names of interfaces that need a table: those of options. */
export function optionsIn(types) {
  return [...interfacesOf(types).keys()].filter((name) => name.endsWith('Options'))
}

/** The names of the members of each interface and class. */
export function membersIn(types) {
  const declared = [...interfacesOf(types, ts.isClassDeclaration), ...interfacesOf(types)]
  const named = (members) => members.filter(({ name }) => name).map(({ name }) => name.getText())
  return new Map(declared.map(([name, members]) => [name, named(members)]))
}

function interfacesOf(types, isWanted = ts.isInterfaceDeclaration) {
  const source = ts.createSourceFile('index.d.ts', types, ts.ScriptTarget.Latest, true)
  const interfaces = new Map()
  for (const statement of source.statements) {
    if (!isWanted(statement)) continue
    // An interface may be declared in parts: one says what it extends, another what it adds.
    const earlier = interfaces.get(statement.name.text) ?? []
    interfaces.set(statement.name.text, [...earlier, ...statement.members])
  }
  return interfaces
}

const HEAD = '| option | type | default | meaning |\n| --- | --- | --- | --- |'

function row(owner, member) {
  const name = member.name.getText()
  const comment = member.jsDoc?.at(-1)
  const meaning = ts.getTextOfJSDocComment(comment?.comment)?.split(/\n\s*\n/)[0]
  const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default')
  const value = ts.getTextOfJSDocComment(tag?.comment)
  if (!meaning) throw new Error(`${owner}.${name} has no comment that says what it means`)
  if (!value) throw new Error(`${owner}.${name} has no @default`)
  const cells = [
    code(name),
    code(typeOf(member.type)),
    isLiteral(value) ? code(value) : value,
    meaning,
  ]
  return `| ${cells.map(cell).join(' | ')} |`
}

const code = (text) => `\`${text}\``
const cell = (text) => text.replace(/\s+/g, ' ').replaceAll('|', '\\|').trim()
const isLiteral = (value) => /^(?:\d+|true|false|\{\}|'.*')$/.test(value)

/**
 * Short, as a reader needs it: every option may be `undefined`, and the module of a type is known.
 */
function typeOf(node) {
  const visit = (node) => {
    const visited = ts.visitEachChild(node, visit, undefined)
    if (ts.isImportTypeNode(visited) && visited.qualifier) {
      return ts.factory.createTypeReferenceNode(visited.qualifier, visited.typeArguments)
    }
    if (!ts.isUnionTypeNode(visited)) return ts.setEmitFlags(visited, ts.EmitFlags.SingleLine)
    const types = visited.types.filter(({ kind }) => kind !== ts.SyntaxKind.UndefinedKeyword)
    const [first, ...others] = types
    if (others.length > 0) return ts.factory.createUnionTypeNode(types)
    return ts.isParenthesizedTypeNode(first) ? first.type : first
  }
  const printer = ts.createPrinter({ removeComments: true })
  return printer.printNode(ts.EmitHint.Unspecified, visit(node), node.getSourceFile())
}
