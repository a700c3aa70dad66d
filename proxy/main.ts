import { enableCompileCache } from 'node:module'
import path from 'node:path'

// Start here. The program is in run.ts; this comes first because imports are compiled before anything runs.
// Compiling is half of a start, and after a restart frpc's first try comes within a second. The cache lies with the libraries:
// who can write there can change the program itself. Where nobody can, all of it is compiled each time.
enableCompileCache(path.join(import.meta.dirname, '../node_modules/.cache/harpoon'))
const { run } = await import('./run.ts')
run()
