import { engineLoginRefusal, engineRefusal, type EngineList } from '../engine-list.ts'
import type { TunnelSession } from './session.ts'

/**
 * Ends the sessions that a new list of engines shuts out, and those that it lets in after it kept them out: frpc comes back at
 * once from a session that ends, but asks for a tunnel that it was refused only every 30 s. All others go on untouched.
 */
export function endWhomTheListConcerns(sessions: readonly TunnelSession[], list: EngineList): void {
  for (const session of sessions) {
    const { identity } = session.facts
    const struck = engineLoginRefusal(list, identity) ?? (session.tunnel && engineRefusal(list, identity, session.tunnel))
    const isLetIn = session.struckClaim !== undefined && engineRefusal(list, identity, session.struckClaim) === undefined
    if (struck !== undefined) session.close(struck)
    else if (isLetIn) session.close('the list of engines has it now: it is to ask again')
  }
}
