import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { dump } from 'js-yaml'
import { apiGroup, customResourceDefinition, type Kind } from './definition.ts'
import { dockerEngine } from './dockerengine.ts'
import { exAppDaemon } from './exappdaemon.ts'

/** All kinds that have a definition. */
export const kinds: readonly Kind[] = [exAppDaemon, dockerEngine]

/** Where the YAML of a kind lies, beside this file. */
export const definitionFile = ({ plural }: Kind): string => path.join(import.meta.dirname, `${apiGroup}_${plural}.yaml`)

/** The YAML of a kind's definition. */
export const definitionYaml = (kind: Kind): string =>
  `# Generated from crds/${kind.kind.toLowerCase()}.ts by \`npm run generate\`.\n${dump(customResourceDefinition(kind), { lineWidth: 140, noRefs: true })}`

if (import.meta.main) for (const kind of kinds) writeFileSync(definitionFile(kind), definitionYaml(kind))
