import { exAppToken } from '../../tunnel/tokens.ts'

/** What frpc in an ExApp logs in with; without it the ExApp needs no tunnel (AppAPI contract §7). */
export const keyVariable = 'HP_SHARED_KEY='

/**
 * The ExApp's environment with its own token where AppAPI has put the shared key: who breaks into an ExApp can open that ExApp's
 * tunnel and nothing else.
 */
export function exAppEnvironment(variables: readonly string[], appId: string, sharedKey: string): readonly string[] {
  return variables.map((variable) => (variable.startsWith(keyVariable) ? keyVariable + exAppToken(sharedKey, appId) : variable))
}
