import { exAppToken } from '../../tunnel/tokens.ts'

const keyVariable = 'HP_SHARED_KEY='

/**
 * The ExApp's environment with its own token where AppAPI has put the shared key: who breaks into an ExApp can open that ExApp's
 * tunnel and nothing else. Without the variable the ExApp is one that needs no tunnel (AppAPI contract §7).
 */
export function exAppEnvironment(variables: readonly string[], appId: string, sharedKey: string): readonly string[] {
  return variables.map((variable) => (variable.startsWith(keyVariable) ? keyVariable + exAppToken(sharedKey, appId) : variable))
}
