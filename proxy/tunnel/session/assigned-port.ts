/** How Nextcloud is asked which port it assigned to an ExApp. */
export interface AssignedPortRules {
  /** The port that Nextcloud assigned to an app id; undefined when it does not know the app, throws when it cannot be asked. */
  readonly assignedPort: (appId: string) => Promise<number | undefined>
  readonly assignedPortMs: number
}

/** What Nextcloud says about an app id, or why it says nothing. */
export async function askAssignedPort(appId: string, rules: AssignedPortRules): Promise<number | 'unknown' | 'unreachable'> {
  const { promise: timedOut, resolve } = Promise.withResolvers<'unreachable'>()
  const timer = setTimeout(resolve, rules.assignedPortMs, 'unreachable')
  const asked = rules.assignedPort(appId).then(
    (port) => port ?? 'unknown',
    () => 'unreachable' as const, // whoever asks Nextcloud logs why it failed
  )
  try {
    return await Promise.race([asked, timedOut])
  } finally {
    clearTimeout(timer)
  }
}
