/** Waiting times that double from the first to the longest, in milliseconds; a fifth of each is chance, so that many do not come at once. */
export const backoff =
  ({ firstMs, longestMs }: { readonly firstMs: number; readonly longestMs: number }, random: () => number = Math.random) =>
  (failures: number): number =>
    Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 30)) * (0.8 + 0.2 * random())
