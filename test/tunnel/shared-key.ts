/** The key that all tunnels of the tests are opened with, or derived from. */
export const SHARED_KEY = 'a shared key of the tests'
