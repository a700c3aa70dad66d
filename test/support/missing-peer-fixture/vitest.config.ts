import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { globalSetup: ['../peers/missing-notes-setup.ts'], pool: 'forks' } })
