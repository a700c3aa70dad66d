import { registerHooks } from 'node:module'

/**
 * Loaded before a program (`node --import`) to have it run with a defect, without a file being changed: `PLANTED_DEFECT` is JSON of
 * a file's end, a piece of its text and what stands there instead.
 */
const { file, text, instead } = JSON.parse(process.env['PLANTED_DEFECT'] ?? '{}') as Readonly<Record<'file' | 'text' | 'instead', string>>

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context)
    if (!url.endsWith(file)) return loaded
    const source = loaded.source instanceof Uint8Array ? Buffer.from(loaded.source).toString() : ''
    if (!source.includes(text)) throw new Error(`there is no ${JSON.stringify(text)} in ${file}`)
    return { ...loaded, source: source.replace(text, instead) }
  },
})
