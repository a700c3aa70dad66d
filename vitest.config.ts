import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{proxy,test,demo}/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
})
