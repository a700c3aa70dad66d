import { ConnectionRefusedError } from '../errors.ts'
import type { TunnelLimits } from '../limits.ts'
import type { Transport } from '../transport/open.ts'
import type { Carrier } from './carrier.ts'
import { linger, whenClosed } from '../frp-stream.ts'
import type { LoginRequest } from './login-exchange.ts'
import { MultiplexedCarrier, type MultiplexedOptions } from './multiplexed.ts'
import { readOpening } from './read-opening.ts'
import { SeparateCarrier } from './separate.ts'
import { answer, noVisitors } from './streams.ts'
import type { WorkConnectionOffer, WorkConnectionTaker } from './streams.ts'

/** A client that wants to log in, and what will carry its streams. */
export interface LoginArrival {
  readonly kind: 'login'
  readonly request: LoginRequest
  readonly carrier: Carrier
  /** Where the work connections go that come with the carrier; those of `tcpMux = false` arrive by themselves. */
  readonly sendWorkConnectionsTo: (taker: WorkConnectionTaker) => void
}

/** A work connection of a client that has logged in elsewhere: `tcpMux = false`. */
export interface WorkConnectionArrival extends WorkConnectionOffer {
  readonly kind: 'work connection'
}

export interface ArrivalContext extends MultiplexedOptions {
  readonly limits: MultiplexedOptions['limits'] & Pick<TunnelLimits, 'connectionsPerSession'>
}

/** What a connection is for, by its first message. @throws ConnectionRefusedError, FrpProtocolError */
export async function awaitArrival({ stream, speech }: Transport, context: ArrivalContext): Promise<LoginArrival | WorkConnectionArrival> {
  const { limits } = context
  if (speech === 'yamux') {
    const carrier = new MultiplexedCarrier(stream, context)
    const request = await carrier.awaitLogin(limits.firstMessageMs)
    return { kind: 'login', request, carrier, sendWorkConnectionsTo: (taker) => carrier.sendWorkConnectionsTo(taker) }
  }
  const opening = await readOpening(stream, limits.firstMessageMs)
  const { message, wire } = opening
  switch (message.kind) {
    case 'Login': {
      const carrier = new SeparateCarrier(stream, { maxStreams: limits.connectionsPerSession })
      return { kind: 'login', request: { stream, opening, login: message.body }, carrier, sendWorkConnectionsTo: () => {} }
    }
    case 'NewWorkConn':
      return { kind: 'work connection', stream, wire, runId: message.body.run_id }
    case 'NewVisitorConn':
      answer(stream, wire, noVisitors(message.body.proxy_name))
      await linger(whenClosed(stream))
      break
    case 'NewProxy':
    case 'CloseProxy':
    case 'NatHoleVisitor':
    case 'Ping':
    case 'Ignored':
      break
  }
  throw new ConnectionRefusedError('login', `the first message was ${message.kind}, not Login`)
}
