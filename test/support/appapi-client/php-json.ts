/** JSON as PHP's json_encode writes it: `/` escaped, everything beyond ASCII as `\uXXXX` (AppAPI contract §2.2). */
export function phpJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('/', '\\/')
    .replaceAll(/[^\0-\x7F]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
