import { ConnectionRefusedError } from '../errors.ts'
import { linger, whenClosed } from '../frp-stream.ts'
import type { Sessions } from './sessions.ts'
import { answer, noControl } from './streams.ts'
import type { WorkConnectionOffer } from './streams.ts'

/**
 * Gives a work connection that came by itself to the session whose run id it shows.
 *
 * The run id is all that frp has for this: 64 random bits that only its owner was told. So nothing else may be learned from
 * it (a multiplexed session has no such connections), and with mutual TLS both have to come from the holder of a certificate
 * of the same name: the same name, not the same certificate, because frpc reads its files anew for every connection and
 * they may have been renewed. Addresses are not compared: a NAT with several of them, and the replicas of an Ingress, spread
 * the connections of one client; and whoever can read a run id off a plain connection can read and change its bytes as well.
 * @throws ConnectionRefusedError
 */
export async function joinSession(offer: WorkConnectionOffer, certificate: string | undefined, sessions: Sessions): Promise<void> {
  const session = sessions.get(offer.runId)
  const isMember = session && !session.isMultiplexed && session.facts.certificate === certificate
  const error = isMember ? session.take(offer) : noControl(offer.runId)
  if (error === undefined) return
  answer(offer.stream, offer.wire, { kind: 'StartWorkConn', body: { error } })
  await linger(whenClosed(offer.stream))
  throw new ConnectionRefusedError('work connection', isMember ? error : 'no session of its own has this run id')
}
