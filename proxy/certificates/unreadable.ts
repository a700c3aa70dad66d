/** Why a file cannot be read, and the way out that an admin of a container needs: HaRP's keys belong to root. */
export function unreadable(code: string | undefined): string {
  const user = process.getuid?.() ?? 'unknown'
  const remedy = code === 'EACCES' ? ': start it as the user who owns the file (for a container: --user 0:0), or give the file to this user' : ''
  return `cannot be read (${code}) by user ${user}${remedy}`
}
