import { z } from 'zod'
import { connectToBrowser } from './browser-protocol.ts'
import type { ChildProcess } from './peers/child-process.ts'

/** Has a Node program wait for a debugger on a free port of loopback, so that its heap can be looked at from outside. */
export const inspectable = '--inspect=127.0.0.1:0'

const usageSchema = z.object({ usedSize: z.number(), backingStorageSize: z.number() })

/** Bytes that a program started with `inspectable` holds after a collection of garbage: objects, and the memory of its buffers. */
export async function heldBytes(child: ChildProcess): Promise<number> {
  const inspector = await connectToBrowser((await child.waitForOutput(/ws:\/\/127\.0\.0\.1:\d+\/\S+/)).trim())
  try {
    // What the first one finalizes is the second one's garbage.
    for (let round = 0; round < 3; round++) await inspector.send('HeapProfiler.collectGarbage')
    const { usedSize, backingStorageSize } = usageSchema.parse(await inspector.send('Runtime.getHeapUsage'))
    return usedSize + backingStorageSize
  } finally {
    inspector.close()
  }
}
