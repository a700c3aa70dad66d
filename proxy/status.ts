import { z } from 'zod'

/** What `GET /status` on the admin port says: the state that the operator shows in its resources. No secrets. */
export const statusSchema = z.object({
  version: z.string(),
  nextcloud: z.object({
    reachable: z.boolean(),
    /** One word for why not. */
    reason: z.string(),
    /** The same in words, with what to do about it. */
    message: z.string(),
  }),
  appApi: z.object({
    /** When AppAPI called with a valid key last, and when somebody called with a wrong one (ISO 8601). */
    lastSeen: z.string().optional(),
    wrongKeySeen: z.string().optional(),
  }),
  /** What is wrong with the settings that were read last. */
  settingsProblem: z.string().optional(),
  engines: z.array(
    z.object({
      name: z.string(),
      remotePort: z.number(),
      clientAddress: z.string(),
      frpcVersion: z.string(),
      /** Absent until the engine has answered. */
      dockerVersion: z.string().optional(),
      /** Why the engine behind the tunnel does not answer. */
      problem: z.string().optional(),
    }),
  ),
})

export type ProxyStatus = Readonly<z.output<typeof statusSchema>>
export type EngineState = ProxyStatus['engines'][number]
