import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{proxy,operator,crds,charts,test,demo}/**/*.test.ts'],
    // Peers are built before the first test, and what could not be had is named after the last.
    globalSetup: ['test/support/peers/build-setup.ts', 'test/support/peers/missing-notes-setup.ts'],
    pool: 'forks',
    // Most of a test's time is waiting for peers and for limits to strike, so more run at once than there are processors.
    maxWorkers: 4,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
})
